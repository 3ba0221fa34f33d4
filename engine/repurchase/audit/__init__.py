"""A journal judged again from its first record: by itself, against a checkpoint, on its way.

Signatures are in `repurchase.audit.signatures` alone, which needs the package `cryptography`.
"""

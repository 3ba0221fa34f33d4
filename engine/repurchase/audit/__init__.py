"""The audit of a journal: verification, checkpoints and their signatures, export and import.

Only `repurchase.audit.signatures` needs the package `cryptography`.
"""

"""A journal judged again from its first record: by itself, against a checkpoint, on its way.

Signatures are in `repurchase.audit.signatures` alone, which needs the package `cryptography`.
"""

from repurchase.audit.checkpoint import Checkpoint
from repurchase.audit.judged import Verified, check_strays, verify
from repurchase.audit.transfer import ExportFile, export, imported

__all__ = [
    "Checkpoint",
    "ExportFile",
    "Verified",
    "check_strays",
    "export",
    "imported",
    "verify",
]

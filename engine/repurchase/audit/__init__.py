"""A journal judged again from its first record: by itself, against a checkpoint, on its way.

Signatures are in `repurchase.audit.signatures` alone, which needs the package `cryptography`.
"""

from repurchase.audit.checkpoint import Checkpoint
from repurchase.audit.judged import Verified
from repurchase.audit.transfer import ExportFile, export, imported
from repurchase.audit.whole import check_strays, verify

__all__ = [
    "Checkpoint",
    "ExportFile",
    "Verified",
    "check_strays",
    "export",
    "imported",
    "verify",
]

"""Imports optional libraries on use; the error message tells users what to install."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from nnkit.errors import UsageError


def optional(module: str, purpose: str) -> ModuleType:
    """Imports a module of an optional library.

    Args:
        module: full name of the module, such as `scipy.optimize`.
        purpose: what needs the library; the error message begins with it.

    Raises:
        UsageError: the library is not installed, or is installed but cannot be imported.
    """
    library = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == library:
            message = f"{purpose} needs {library}: pip install {library}"
            raise UsageError(message) from None
        raise _unusable(library, purpose, error) from error
    except Exception as error:  # extension modules built for another NumPy raise various exceptions
        raise _unusable(library, purpose, error) from error


def _unusable(library: str, purpose: str, error: Exception) -> UsageError:
    return UsageError(
        f"{purpose} needs {library}, which is installed but cannot be imported"
        f" ({type(error).__name__}: {error}); install compatible versions:"
        f" pip install --upgrade numpy {library}"
    )

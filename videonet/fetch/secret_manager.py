"""Secrets that Google's Secret Manager keeps, such as the credentials of a cluster's machines."""

import re

import google_crc32c

from videonet.errors import UsageError

# As Google names a secret, and one of its versions.
_NAME = re.compile(r"projects/[^/\s]+/secrets/[^/\s]+(/versions/[^/\s]+)?")

_SERVICE = "https://secretmanager.googleapis.com"

_PATIENCE = 30.0  # seconds for an answer


def is_secret_name(name: str) -> bool:
    """Whether this names a secret there."""
    return _NAME.fullmatch(name) is not None


def secret_of(name: str) -> bytes:
    """What a secret holds, of its latest version unless `name` says which. Raises UsageError.

    This machine's own credentials are used, as Google's programs find them.
    """
    # It takes a second to import, and few have secrets there.
    from google.api_core import exceptions as answers
    from google.auth import exceptions as auth
    from google.cloud.secretmanager import SecretManagerServiceClient

    version = name if "/versions/" in name else f"{name}/versions/latest"
    try:
        # Over HTTPS alone: the other transport is another stack of threads in each worker.
        client = SecretManagerServiceClient(
            transport="rest", client_options={"api_endpoint": _SERVICE}
        )
        payload = client.access_secret_version(name=version, timeout=_PATIENCE).payload
    except (answers.GoogleAPIError, auth.GoogleAuthError) as error:
        raise UsageError(f"It cannot be read ({_why(error)}).") from None
    data = bytes(payload.data)
    if payload.data_crc32c and payload.data_crc32c != google_crc32c.value(data):
        raise UsageError("It came damaged; try again.")
    return data


def _why(error: Exception) -> str:
    """What the service says of itself; no answer has the secret and says that it has none."""
    return " ".join(str(getattr(error, "message", None) or error).split())[:300]

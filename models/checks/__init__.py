"""What an exported model must do before it is published: asked in process, without a server."""

from models.checks.config import ChecksConfig
from models.checks.run import Result
from models.checks.run import check

__all__ = ["ChecksConfig", "Result", "check"]

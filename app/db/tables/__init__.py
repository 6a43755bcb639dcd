"""The tables. Times are unix seconds (float), money is integer micro-dollars, JSON columns hold plain data."""

from app.db.tables.base import Base
from app.db.tables.keys import ApiKeyRow, SecretRow, WebSessionRow
from app.db.tables.library import CharacterRow, FileRow
from app.db.tables.money import BudgetRow, LedgerRow
from app.db.tables.requests import RequestRow
from app.db.tables.videos import BY_TIME, IdempotencyRow, OutputRow, SubmissionRow, VideoRow
from app.db.tables.webhooks import DeliveryRow, EndpointRow, EventRow

__all__ = (
    "BY_TIME",
    "ApiKeyRow",
    "Base",
    "BudgetRow",
    "CharacterRow",
    "DeliveryRow",
    "EndpointRow",
    "EventRow",
    "FileRow",
    "IdempotencyRow",
    "LedgerRow",
    "OutputRow",
    "RequestRow",
    "SecretRow",
    "SubmissionRow",
    "VideoRow",
    "WebSessionRow",
)

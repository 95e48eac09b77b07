"""One question to one creator, one cited answer: conversations, what a question means, evidence, quotes."""

from chat.responding import ExtractiveResponder
from chat.store import Conversations
from chat.types import AnswerEvent, Citation, Failed, Message, Question, Responder
from chat.wire import Answer, collect, event_json

__all__ = [
    "Answer",
    "AnswerEvent",
    "Citation",
    "Conversations",
    "ExtractiveResponder",
    "Failed",
    "Message",
    "Question",
    "Responder",
    "collect",
    "event_json",
]

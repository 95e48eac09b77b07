"""The routes, one module for each kind of thing that is asked about."""

from gateway.routes import (
    chat,
    conversations,
    corrections,
    creators,
    feeds,
    files,
    health,
    jobs,
    removal,
    sources,
    uploads,
)

ROUTERS = (
    chat.router,
    conversations.router,
    creators.router,
    sources.router,
    files.router,
    feeds.router,
    removal.router,
    corrections.router,
    uploads.router,
    jobs.router,
    health.router,
)

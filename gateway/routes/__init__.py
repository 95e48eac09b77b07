"""The routes, one module for each kind of thing that is asked about."""

from gateway.routes import chat, conversations, creators, feeds, health, jobs, sources

ROUTERS = (
    chat.router,
    conversations.router,
    creators.router,
    sources.router,
    feeds.router,
    jobs.router,
    health.router,
)

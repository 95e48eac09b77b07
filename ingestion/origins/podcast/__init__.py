"""Podcasts: RSS 2.0 and Atom feeds with enclosures, and what the Podcasting 2.0 namespace adds to them."""

from ingestion.origins.podcast.origin import PodcastOrigin

__all__ = ["PodcastOrigin"]

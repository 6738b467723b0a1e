"""The pages that people open in a browser: what the limits API knows and does, for a person."""

from meridian.web.pages import router

__all__ = ["router"]

"""Markdown of authors as markup that is safe to show: what they typed can neither run nor load anything."""

from __future__ import annotations

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

TAGS = {"p", "br", "hr", "strong", "em", "s", "ul", "ol", "li", "blockquote", "h2", "h3", "h4", "code", "pre", "a"}
# An image by address would tell its server who learns what; a scene has an image of its own.
_PARSER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("strikethrough").disable("image")
# A scene's heading is the page's first one.
_LOWER = {"h1": "h2", "h2": "h3"}


def render(text: str) -> SafeString:
    """The text as HTML of a few tags, with links to https addresses that open in a window of their own."""
    tokens = _PARSER.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = _LOWER.get(token.tag, "h4")
    cleaned = nh3.clean(
        _PARSER.renderer.render(tokens, _PARSER.options, {}),
        tags=TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"https"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return SafeString(cleaned)

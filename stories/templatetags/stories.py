"""What the learner's templates need of a story's content."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from stories import images, markdown

register = template.Library()


@register.filter
def story_text(text: str) -> SafeString:
    """What an author typed, as safe markup."""
    return markdown.render(text)


@register.filter
def image_address(name: str) -> str:
    """Where a stored image is served."""
    return images.address(name)

"""Authors' Markdown: what it may look like, and what it can never do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stories.markdown import TAGS, render


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("Leave **now**, *quietly*.", "<p>Leave <strong>now</strong>, <em>quietly</em>.</p>"),
        ("~~Wait~~", "<p><s>Wait</s></p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. c", '<ol start="3">\n<li>c</li>\n</ol>'),
        ("> Stop", "<blockquote>\n<p>Stop</p>\n</blockquote>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("# A", "<h2>A</h2>"),
        ("## B", "<h3>B</h3>"),
        ("###### C", "<h4>C</h4>"),
    ],
)
def test_markdown__becomes_markup(text: str, markup: str) -> None:
    assert render(text).strip() == markup


def test_link__opens_in_a_window_of_its_own_and_tells_nothing() -> None:
    link = '<a href="https://example.com/a" target="_blank" rel="noopener noreferrer nofollow">here</a>'
    assert render("[here](https://example.com/a)").strip() == f"<p>{link}</p>"


@pytest.mark.catalogue("S20")
@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:x)",
        "[x](http://example.com/)",
        "[x](//example.com/)",
        "[x](/admin/)",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
    ],
)
def test_link__that_is_not_https__leads_nowhere(text: str) -> None:
    assert "href" not in render(text)


@pytest.mark.catalogue("S20")
@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<style>*{display:none}</style>",
        "![x](https://example.com/a.png)",
        '<a href="https://x" onclick="alert(1)">x</a>',
        "<iframe src=https://example.com></iframe>",
        "**<math><mi//xlink:href='data:x,<script>alert(4)</script>'>**",
        "`</code><script>alert(1)</script>`",
        "```\n</code></pre><script>alert(1)</script>\n```",
        "\x00<scr\x00ipt>alert(1)</script>",
        "\ud800 <b onmouseover=alert(1)>x</b>",
    ],
)
def test_markup__that_was_typed__is_shown_and_not_obeyed(text: str) -> None:
    found = set(re.findall(r"<([a-z][a-z0-9]*)", render(text.encode(errors="replace").decode())))
    assert found <= TAGS
    assert not re.search(r"<[^>]*\son[a-z]+=", render(text.encode(errors="replace").decode()))


@pytest.mark.catalogue("S20")
@given(st.text(alphabet=st.sampled_from("<>/!\"'=()[]`*_#&;:\\ \n\tajsvhrefonscipt0\x00\u202e"), max_size=80))
def test_markdown__of_any_text__is_of_a_few_tags_only(text: str) -> None:
    for tag, rest in re.findall(r"<([A-Za-z!?][^\s>/]*)([^>]*)>", render(text)):
        assert tag in TAGS
        assert re.fullmatch(r'(\s(href="https://[^"]*"|start="\d+"|target="_blank"|rel="[a-z ]+"))*', rest)

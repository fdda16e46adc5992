"""The words that learners read, and the catalogs of their translations.

``python -m tests.translations`` prints, for each language, the entries that its catalog in ``locale/`` lacks, to be
filled in there; ``python manage.py compilemessages --locale=…`` then makes the compiled file anew.
"""

from __future__ import annotations

import ast
import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BASE = Path(__file__).resolve().parent.parent
LOCALES = BASE / "locale"
# Every sentence in these is for learners.
SOURCES = (
    "stories/arriving.py",
    "stories/forms.py",
    "stories/notices.py",
    "stories/pages.py",
    "stories/steps.py",
    "stories/telling.py",
    "integrations/launches/telling.py",
)
# Beside sentences for admins, those for learners are the values of variables with this name.
MIXED = "integrations/launches/parameters.py"
LEARNER = "learner"
TEMPLATES = "templates/stories"
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
# Between a singular and its plural, in the keys of compiled catalogs; also between the forms of a translation.
NUL = "\0"


def wanted() -> set[str]:
    """The keys of all messages that a catalog must have."""
    found = {key for name in SOURCES for key in _of_code(ast.parse((BASE / name).read_text()))}
    for node in ast.walk(ast.parse((BASE / MIXED).read_text())):
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == [LEARNER]:
            found.update(_of_code(node))
    return found.union(*(_of_template(path.name) for path in (BASE / TEMPLATES).glob("*.html")))


def _of_code(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in GETTEXT:
            texts = (one.value for one in node.args[:2] if isinstance(one, ast.Constant))
            yield NUL.join(text for text in texts if isinstance(text, str))


def _of_template(name: str) -> Iterator[str]:
    from django.template.loader import get_template
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode

    template: Any = get_template(f"stories/{name}")
    nodes = template.template.nodelist
    for node in nodes.get_nodes_by_type(TranslateNode):
        yield node.filter_expression.var.literal
    for node in nodes.get_nodes_by_type(BlockTranslateNode):
        yield NUL.join(node.render_token_list(tokens)[0] for tokens in (node.singular, node.plural) if tokens)


# Catalogs -----------------------------------------------------------------------------------------------------------


def languages() -> set[str]:
    """Which languages there are catalogs for, as tags such as ``pt-BR``."""
    return {path.parents[1].name.replace("_", "-") for path in LOCALES.glob("*/LC_MESSAGES/django.po")}


def _file(language: str, kind: str) -> Path:
    return LOCALES / language.replace("-", "_") / "LC_MESSAGES" / f"django.{kind}"


def written(language: str) -> dict[str, str]:
    """What translators wrote, by the keys of the compiled file; forms of a plural are joined as there."""
    found = {}
    for block in _file(language, "po").read_text(encoding="utf-8").strip().split("\n\n"):
        parts: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if not line.startswith("#"):
                name, text = (name, line) if line.startswith('"') else line.split(" ", 1)
                parts[name] = parts.get(name, "") + ast.literal_eval(text)
        key = NUL.join(parts[name] for name in ("msgid", "msgid_plural") if name in parts)
        found[key] = NUL.join(text for name, text in parts.items() if name.startswith("msgstr"))
    return found


def compiled(language: str) -> dict[str, str]:
    """What Django reads, from the file that ``compilemessages`` makes."""
    data = _file(language, "mo").read_bytes()
    _magic, _revision, count, keys, texts = struct.unpack_from("<5I", data)

    def strings(table: int) -> Iterator[str]:
        for number in range(count):
            length, offset = struct.unpack_from("<2I", data, table + 8 * number)
            yield data[offset : offset + length].decode()

    return dict(zip(strings(keys), strings(texts), strict=True))


def lacking(language: str) -> Iterator[str]:
    """The entries that a catalog lacks, as they stand in one but for the translation."""
    for key in sorted(wanted() - written(language).keys()):
        text, *plural = (json.dumps(part, ensure_ascii=False) for part in key.split(NUL))
        yield f'msgid {text}\nmsgid_plural {plural[0]}\nmsgstr[0] ""' if plural else f'msgid {text}\nmsgstr ""'


def main() -> None:
    """Print what is lacking."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    for language in sorted(languages()):
        for entry in lacking(language):
            sys.stdout.write(f"# {language}\n{entry}\n\n")


if __name__ == "__main__":
    main()

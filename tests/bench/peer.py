"""The nearest peer's way: build a statement and save it, one by one, as openedx enterprise-integrated-channels does.

Runs in an environment of its own, which holds ``requirements-peer.txt``; prints how many seconds it took.
"""

import sys
import time

from tincan import (  # type: ignore[import-not-found]  # never installed beside the product
    Activity,
    ActivityDefinition,
    Agent,
    LanguageMap,
    RemoteLRS,
    Result,
    Score,
    Statement,
    Verb,
)


def built(number: int) -> Statement:
    """A statement like ours; the peer gives it no id, so that its store makes one."""
    return Statement(
        actor=Agent(name=f"Person {number}", mbox=f"mailto:person{number}@example.com"),
        verb=Verb(id="http://adlnet.gov/expapi/verbs/passed", display=LanguageMap({"en": "passed"})),
        object=Activity(
            id=f"http://testserver/objectives/{number}",
            definition=ActivityDefinition(name=LanguageMap({"en": "Fire safety"})),
        ),
        result=Result(score=Score(scaled=0.9, raw=90, min=0, max=100), success=True, completion=True),
    )


def main(url: str, count: int) -> None:
    """Save so many statements at this endpoint."""
    store = RemoteLRS(endpoint=url, version="1.0.1", username="practice-key", password="practice-secret")
    began = time.perf_counter()
    for number in range(count):
        if not store.save_statement(built(number)).success:
            sys.exit("The statement was not saved.")
    sys.stdout.write(f"{time.perf_counter() - began}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

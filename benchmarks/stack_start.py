"""How long a throw-away stack takes to start: what every live test and benchmark pays first."""

from __future__ import annotations

from stack import Stack
from stack.report import Report, middle_of_three

NEEDS = ()


def start_and_stop(*, migrate: bool, web: bool) -> None:
    with Stack(migrate=migrate, web=web):
        pass


def main() -> None:
    start_and_stop(migrate=True, web=True)  # makes the clusters that are copied afterwards
    report = Report("stack_start")
    for name, migrate, web in (
        ("PostgreSQL and Redis", False, False),
        ("the same, migrated", True, False),
        ("the same with the web server", True, True),
    ):
        seconds = middle_of_three(lambda m=migrate, w=web: start_and_stop(migrate=m, web=w))
        report.add(name, seconds, "s", at_most=10, goal=True)
    report.print()


if __name__ == "__main__":
    main()

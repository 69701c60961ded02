"""What opening the course finds out about the data comes into the results and into the report."""

from dataclasses import replace
from pathlib import Path

from emotions.showing.report import Results


def contents(facts: dict) -> dict[str, dict]:
    return dict.fromkeys(("training", "exploration", "surgery"), facts)


def test_warnings_stand_in_the_results_and_at_the_head_of_the_report(tiny_course):
    course = replace(tiny_course(), warnings=("Train and test do not look alike: x.",))
    facts = course.provenance()
    assert facts["data_warnings"] == ["Train and test do not look alike: x."]
    heading = Results(Path(), contents(facts)).heading().data
    assert heading.endswith("\n\n**Train and test do not look alike: x.**")
    assert "look alike" not in Results(Path(), contents(tiny_course().provenance())).heading().data

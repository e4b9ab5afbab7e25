"""Dashboards follow from their code, and every alert has a page that says what to do."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml

from .conftest import ROOT

FOLDER = ROOT / "deploy/observability"
RULES = FOLDER / "alerts.yaml"


def test_the_dashboards_are_what_their_code_says() -> None:
    told = subprocess.run(
        [sys.executable, FOLDER / "dashboards.py", "--check"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr


def test_every_alert_has_a_summary_and_a_page_of_the_runbook() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^### (.+)$", (ROOT / file).read_text(), re.MULTILINE)
        assert anchor in {heading.lower() for heading in headings}, rule["alert"]


@pytest.mark.parametrize("command", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")])
def test_each_alert_fires_on_its_fault_and_rests_otherwise(command: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool, which comes with Prometheus, is not installed")
    told = subprocess.run([promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr

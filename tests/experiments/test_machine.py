"""Any sequence of operations on experiments, trials and components behaves as a plain model."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from modelyard.errors import Refusal, ResourceNotFound, ValidationException
from modelyard.storage import database as databases
from tests.experiments.in_process import Experiments

NAMES = st.sampled_from(["a", "A", "b", "c"])
WORDS = st.sampled_from(["Experiment", "Trial", "TrialComponent"])
PARAMETERS = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=3)


class ExperimentsMachine(RuleBasedStateMachine):
    """Each run has a region, which is a name space, of one database.

    The model keeps entities by name in lower case, in the order of their creation.
    """

    runner: asyncio.Runner
    yard: Experiments
    regions: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self.yard.region = f"us-east-{next(self.regions)}"
        self.entities: dict[str, dict[str, str]] = {
            word: {} for word in ("Experiment", "Trial", "TrialComponent")
        }
        self.experiment_of: dict[str, str] = {}
        self.parameters: dict[str, dict[str, str]] = {}
        self.links: set[tuple[str, str]] = set()  # of trial and component

    def _run(self, asked: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(asked)

    def _refused(self, asked: Coroutine[Any, Any, Any], kind: type[Refusal]) -> None:
        with pytest.raises(kind):
            self._run(asked)

    @rule(word=WORDS, name=NAMES, experiment=NAMES, parameters=PARAMETERS)
    def create(self, word: str, name: str, experiment: str, parameters: dict[str, str]) -> None:
        members: dict[str, Any] = {}
        if word == "Trial":
            members["ExperimentName"] = experiment
        if word == "TrialComponent":
            members["Parameters"] = written(parameters)
        asked = self.yard(f"Create{word}", **{f"{word}Name": name}, **members)
        key = name.lower()
        if word == "Trial" and experiment.lower() not in self.entities["Experiment"]:
            self._refused(asked, ResourceNotFound)
        elif key in self.entities[word]:
            self._refused(asked, ValidationException)
        else:
            self._run(asked)
            self.entities[word][key] = name
            if word == "Trial":
                self.experiment_of[key] = experiment.lower()
            if word == "TrialComponent":
                self.parameters[key] = parameters

    @rule(word=WORDS, name=NAMES)
    def delete(self, word: str, name: str) -> None:
        asked = self.yard(f"Delete{word}", **{f"{word}Name": name})
        key = name.lower()
        if key not in self.entities[word]:
            self._refused(asked, ResourceNotFound)
        elif self._is_needed(word, key):
            self._refused(asked, ValidationException)
        else:
            self._run(asked)
            del self.entities[word][key]
            if word == "Trial":
                del self.experiment_of[key]

    def _is_needed(self, word: str, key: str) -> bool:
        if word == "Experiment":
            return key in self.experiment_of.values()
        return key in {link[0 if word == "Trial" else 1] for link in self.links}

    @rule(trial=NAMES, component=NAMES, away=st.booleans())
    def link(self, trial: str, component: str, away: bool) -> None:
        verb = "Disassociate" if away else "Associate"
        asked = self.yard(f"{verb}TrialComponent", TrialName=trial, TrialComponentName=component)
        link = (trial.lower(), component.lower())
        there = link[0] in self.entities["Trial"] and link[1] in self.entities["TrialComponent"]
        if not there or (away and link not in self.links):
            self._refused(asked, ResourceNotFound)
        else:
            self._run(asked)
            self.links = self.links - {link} if away else self.links | {link}

    @rule(name=NAMES, given=PARAMETERS, removed=st.lists(st.sampled_from("xyz"), max_size=2))
    def update(self, name: str, given: dict[str, str], removed: list[str]) -> None:
        asked = self.yard(
            "UpdateTrialComponent",
            TrialComponentName=name,
            Parameters=written(given),
            ParametersToRemove=removed,
        )
        key = name.lower()
        if key not in self.entities["TrialComponent"]:
            self._refused(asked, ResourceNotFound)
        elif set(given) & set(removed):
            self._refused(asked, ValidationException)
        else:
            self._run(asked)
            merged = {**self.parameters[key], **given}
            self.parameters[key] = {k: v for k, v in merged.items() if k not in removed}

    @rule(name=NAMES, of=st.sampled_from(["ExperimentName", "TrialName"]), size=st.integers(1, 3))
    def components_of(self, name: str, of: str, size: int) -> None:
        word = of.removesuffix("Name")
        asked = self.yard.names(
            "TrialComponent", **{of: name}, MaxResults=size, SortOrder="Ascending"
        )
        key = name.lower()
        if key not in self.entities[word]:
            self._refused(asked, ResourceNotFound)
            return
        trials = (
            {t for t, e in self.experiment_of.items() if e == key} if word != "Trial" else {key}
        )
        wanted = {component for trial, component in self.links if trial in trials}
        components = self.entities["TrialComponent"]
        assert self._run(asked) == [components[key] for key in components if key in wanted]

    @invariant()
    def all_are_listed(self) -> None:
        for word, entities in self.entities.items():
            listed = self._run(self.yard.names(word, SortOrder="Ascending"))
            assert listed == list(entities.values())

    @rule(name=NAMES)
    def describe(self, name: str) -> None:
        asked = self.yard("DescribeTrialComponent", TrialComponentName=name)
        key = name.lower()
        if key not in self.entities["TrialComponent"]:
            self._refused(asked, ResourceNotFound)
        else:
            assert self._run(asked).get("Parameters", {}) == written(self.parameters[key])


def written(parameters: dict[str, str]) -> dict[str, Any]:
    return {name: {"StringValue": value} for name, value in parameters.items()}


def test_operations_in_any_order_behave_as_their_model(database_url: str) -> None:
    with asyncio.Runner() as runner:
        opened = runner.run(databases.connect(database_url))

        class Machine(ExperimentsMachine):
            pass

        Machine.runner = runner
        Machine.yard = Experiments(opened)
        Machine.regions = itertools.count(1)
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=20,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opened.close())

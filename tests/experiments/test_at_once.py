"""What is made, joined and deleted at the same moment stays whole."""

import asyncio

from modelyard.errors import Refusal, ResourceNotFound, ValidationException
from modelyard.storage.transaction import Row, Transaction
from tests.experiments.in_process import Experiments

ROUNDS = 12


async def dangling(yard: Experiments) -> list[Row]:
    """Links and trials of which one end is gone."""

    async def look(tx: Transaction) -> list[Row]:
        links = await tx.all(
            "SELECT l.trial, l.component FROM trial_component_of_trial l"
            " LEFT JOIN trial t ON t.name_key = l.trial"
            " LEFT JOIN trial_component c ON c.name_key = l.component"
            " WHERE t.name_key IS NULL OR c.name_key IS NULL"
        )
        trials = await tx.all(
            "SELECT t.name_key, t.experiment FROM trial t"
            " LEFT JOIN experiment e ON e.name_key = t.experiment WHERE e.name_key IS NULL"
        )
        return [*links, *trials]

    return await yard.database.read(look)


async def test_nothing_is_joined_to_what_is_deleted_meanwhile(yard: Experiments) -> None:
    for number in range(ROUNDS):
        experiment, trial, run = (f"{kind}-{number}" for kind in ("experiment", "trial", "run"))
        await yard.experiment(experiment)
        await yard.trial(trial, experiment)
        await yard.component(run)
        link = {"TrialName": trial, "TrialComponentName": run}

        outcomes = await asyncio.gather(
            yard("AssociateTrialComponent", **link),
            yard("DeleteTrial", TrialName=trial),
            yard("DeleteTrialComponent", TrialComponentName=run),
            yard.trial(f"other-{number}", experiment),
            yard("DeleteExperiment", ExperimentName=experiment),
            return_exceptions=True,
        )

        failures = [one for one in outcomes if isinstance(one, BaseException)]
        assert all(isinstance(one, ResourceNotFound | ValidationException) for one in failures)
    assert await dangling(yard) == []


async def test_of_one_name_made_at_once_there_is_one(yard: Experiments) -> None:
    outcomes = await asyncio.gather(
        *(yard.component(name) for name in ("Run", "run", "RUN", "rUn")), return_exceptions=True
    )

    assert len([one for one in outcomes if isinstance(one, str)]) == 1
    assert len([one for one in outcomes if isinstance(one, Refusal)]) == 3
    assert len(await yard.names("TrialComponent")) == 1


async def test_updates_at_once_lose_no_parameter(yard: Experiments) -> None:
    await yard.component("run")

    await asyncio.gather(
        *(
            yard(
                "UpdateTrialComponent",
                TrialComponentName="run",
                Parameters={f"p{number}": {"NumberValue": float(number)}},
            )
            for number in range(10)
        )
    )

    described = await yard("DescribeTrialComponent", TrialComponentName="run")
    assert len(described["Parameters"]) == 10

"""kill -9 under load, hundreds of times: what was acknowledged is done in order, each effect once or held by name."""

import asyncio
import time

import pytest
from stories import Stories
from stories_verdict import StoriesVerdict, unseen
from verdict import report


@pytest.mark.heavy
def test_each_effect_survives_kills(tmp_path, binary, seed, kills):
    campaign = Stories(tmp_path, seed, kills)
    if kills >= 100:  # fewer prove what they happen to meet
        campaign.lacks = lambda: unseen(campaign)
    try:
        try:
            asyncio.run(campaign.run())
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{campaign.story()}\n{error}") from None
        judged = StoriesVerdict(campaign)
        found = judged.check()
        print(campaign.story(), dict(judged.counts), f"{len(judged.log['requests'])} requests")
        assert not found, report(campaign, found)
        assert len(campaign.killed) >= kills and len(campaign.bodies) > kills, campaign.story()
        assert campaign.lacks is None or not (lacking := campaign.lacks()), (lacking, campaign.story())

        # What is settled stays so: one more kill, one more start, and nothing is sent.
        campaign.kill()
        campaign.spawn()
        campaign.daemon.wait_ready()
        time.sleep(1)
        after = StoriesVerdict(campaign)
        assert len(after.log["requests"]) == len(judged.log["requests"]), campaign.story()
        assert after.counts == judged.counts and after.audit["intact"], campaign.story()
        assert not campaign.orphans(), campaign.story()
    finally:
        campaign.stop()

"""kill -9 under load, hundreds of times: what was acknowledged is done, each effect once or held by name."""

import asyncio
import time

from campaign import Campaign
from verdict import Verdict


def report(campaign, found):
    lines = [campaign.story(), f"{len(found)} things are wrong:"]
    lines += [f"  {run or ''} {text}" for text, run in found[:40]]
    for run in list(dict.fromkeys(run for _, run in found if run))[:3]:
        lines.append(campaign.daemon.cli("explain", run).stdout)
    return "\n".join(lines)


def test_each_effect_survives_kills(tmp_path, binary, seed, kills):
    campaign = Campaign(tmp_path, seed, kills)
    try:
        try:
            asyncio.run(campaign.run())
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{campaign.story()}\n{error}") from None
        judged = Verdict(campaign)
        found = judged.check()
        print(campaign.story(), dict(judged.counts), f"{len(judged.log['requests'])} requests")
        assert not found, report(campaign, found)
        assert len(campaign.killed) >= kills and len(campaign.bodies) > kills, campaign.story()

        # What is settled stays so: one more kill, one more start, and nothing is sent.
        campaign.kill()
        campaign.spawn()
        campaign.daemon.wait_ready()
        time.sleep(1)
        after = Verdict(campaign)
        assert len(after.log["requests"]) == len(judged.log["requests"]), campaign.story()
        assert after.counts == judged.counts and after.audit["intact"], campaign.story()
        assert not campaign.orphans(), campaign.story()
    finally:
        campaign.stop()

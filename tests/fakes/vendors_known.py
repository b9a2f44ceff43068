"""The fakes of Jira and Slack (fake_jira.py, postlude_fakes.py) as one of the vendors, each in a world of its own."""

import copy

import fake_jira
import postlude_fakes
from fake_wire import Effects
from vendors import Vendor


class Known(Vendor):
    def __init__(self, url, inner):
        super().__init__(url)
        self.inner = inner

    def handle(self, request):
        return self.inner.handle(request)

    def all(self, kind, **members):
        found = copy.deepcopy(self.inner.state()[kind + "s"])
        return [thing for thing in found if all(thing.get(name) == value for name, value in members.items())]


class Jira(Known):
    """Its objects: version, issue."""

    def __init__(self, url):
        super().__init__(url, fake_jira.Jira(Effects(), url))


class Slack(Known):
    """Its objects: message, webhook."""

    def __init__(self, url):
        super().__init__(url, postlude_fakes.Slack(Effects()))

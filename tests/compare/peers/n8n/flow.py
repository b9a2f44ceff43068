"""Prints the workflow that n8n imports: answer at once, then three requests in a row, each tried five times, five seconds
apart, which is the most that n8n's Retry On Fail allows."""

import json

NAME = "{{ $('Flagger').item.json.body.name }}-{{ $('Flagger').item.json.body.checksum }}"


def request(number, name, url, body, headers=None):
    parameters = {"method": "POST", "url": "={{ $env.%s }}" % url, "sendBody": True, "specifyBody": "json",
                  "jsonBody": "=" + json.dumps(body), "options": {"timeout": 10000}}
    if headers:
        parameters |= {"sendHeaders": True, "headerParameters": {"parameters": headers}}
    return {"parameters": parameters, "id": f"n{number}", "name": name, "type": "n8n-nodes-base.httpRequest",
            "typeVersion": 4.2, "position": [200 * number, 0], "retryOnFail": True, "maxTries": 5,
            "waitBetweenTries": 5000}


hook = {"parameters": {"httpMethod": "POST", "path": "flagger", "responseMode": "onReceived",
                       "options": {"responseCode": {"values": {"responseCode": 202}}}},
        "id": "n0", "name": "Flagger", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0],
        "webhookId": "flagger"}
nodes = [hook,
         request(1, "Version", "VERSIONS", {"name": NAME}, [{"name": "Idempotency-Key", "value": "=" + NAME}]),
         request(2, "Pipeline", "PIPELINES", {"release": NAME, "version": "{{ $json.id }}"}),
         request(3, "Chat", "CHAT", {"text": "Released " + NAME})]
links = {one["name"]: {"main": [[{"node": two["name"], "type": "main", "index": 0}]]} for one, two in zip(nodes, nodes[1:])}
print(json.dumps([{"id": "wfrelease000000001", "name": "release", "active": True, "nodes": nodes, "connections": links,
                   "settings": {"executionOrder": "v1", "saveExecutionProgress": True, "saveDataSuccessExecution": "all",
                                "saveDataErrorExecution": "all"}}]))

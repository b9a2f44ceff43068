"""Fakes of systems that want requests signed: DingTalk, Feishu, Standard Webhooks (see vendors.py).

Each checks the signature as the vendor's documentation says, with Python's own HMAC, and the time by its own clock."""

import base64
import hashlib
import hmac
import time

from fake_wire import Answer
from vendors import Vendor, missing

HOUR = 3600


def mac(key, text):
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


class DingTalk(Vendor):
    routes = (("POST", "/robot/send", "post"),)
    sign = ""

    def no(self, status, text):
        return Answer(200, {"errcode": 300001 if status == 401 else 40035, "errmsg": text})

    def signed(self, query):
        sent = query.get("timestamp", "0")
        good = abs(int(sent) / 1000 - time.time()) < HOUR and len(sent) == 13
        return good and query.get("sign") == mac(self.sign.encode(), f"{sent}\n{self.sign}")

    def post(self, request):
        if not self.signed(request.query):
            return Answer(200, {"errcode": 310000, "errmsg": "sign not match"})
        body, text = request.json, (request.json.get("markdown") or {}).get("text", "")
        if body.get("msgtype") != "markdown" or missing(body["markdown"], "title") or not text:
            return self.no(400, "缺少参数 markdown")
        if any("@" + number not in text for number in body["at"]["atMobiles"]):
            return self.no(400, "a number to notify is not in the text")
        self.make("message", body)
        return Answer(200, {"errcode": 0, "errmsg": "ok"})


class Feishu(Vendor):
    routes = (("POST", "/open-apis/bot/v2/hook/[^/]+", "post"),)
    sign = ""

    def no(self, status, text):
        return Answer(200, {"code": 19001 if status == 401 else 9499, "msg": text, "data": {}})

    def signed(self, body):
        sent = body.get("timestamp", "0")
        key = f"{sent}\n{self.sign}".encode()
        return isinstance(sent, str) and abs(int(sent) - time.time()) < HOUR and body.get("sign") == mac(key, "")

    def post(self, request):
        body = request.json
        if not self.signed(body):
            return Answer(200, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"})
        if body.get("msg_type") != "interactive" or missing(body.get("card"), "elements") or len(request.raw) > 20 << 10:
            return self.no(400, "Bad Request")
        for element in body["card"]["elements"]:
            if element["tag"] == "div" and not element.get("text") and not element.get("fields"):
                return self.no(400, "an empty element")
        self.make("message", body)
        return Answer(200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"})


class StandardWebhooks(Vendor):
    routes = (("POST", "/", "post"),)
    sign = ""

    def signed(self, request):
        sent, number = request.headers.get("webhook-timestamp", "0"), request.headers.get("webhook-id", "")
        key = base64.b64decode(self.sign.removeprefix("whsec_"))
        wanted = "v1," + mac(key, f"{number}.{sent}.{request.raw.decode()}")
        good = abs(int(sent) - time.time()) < 300 and number
        return good and wanted in request.headers.get("webhook-signature", "").split(" ")

    def post(self, request):
        if not self.signed(request):
            return self.no(401, "Wrong signature")
        number = request.headers["webhook-id"]
        if not self.one("event", id=number):
            self.make("event", {"id": number, "body": request.json})
        return Answer(204)

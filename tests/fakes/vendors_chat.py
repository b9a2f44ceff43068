"""Fakes of chats: Discord, Google Chat, Mattermost, Rocket.Chat, Teams, Telegram, Webex, WeCom (see vendors.py)."""

import time

from fake_wire import Answer
from vendors import Vendor, missing, stamp


class Teams(Vendor):
    routes = (("POST", "/workflows/.*", "post"),)

    def no(self, status, text):
        return Answer(status, {"error": {"code": "InvalidRequest", "message": text}})

    def post(self, request):
        attachments = (request.json or {}).get("attachments") or [{}]
        card = attachments[0].get("content") or {}
        if attachments[0].get("contentType") != "application/vnd.microsoft.card.adaptive" or card.get("type") != "AdaptiveCard":
            return self.no(400, "no adaptive card")
        self.make("message", card)
        return Answer(202)


class Discord(Vendor):
    routes = (("POST", r"/webhooks/\d+/[^/]+", "post"), ("PATCH", r"/webhooks/\d+/[^/]+/messages/(\d+)", "edit"))

    def no(self, status, text):
        return Answer(status, {"message": text, "code": {401: 50027, 404: 10015}.get(status, 50035)})

    def post(self, request):
        body = request.json
        if missing(body, "content") and missing(body, "embeds"):
            return Answer(400, {"message": "Cannot send an empty message", "code": 50006})
        if body.get("allowed_mentions") != {"parse": []}:
            return self.no(400, "a name in it would notify people")
        number = str(next(self.ids))
        message = self.make("message", {
            "type": 0, "id": number, "channel_id": "200", "content": body.get("content", ""), "mentions": [],
            "mention_roles": [], "attachments": [], "embeds": [], "timestamp": stamp(), "edited_timestamp": None,
            "flags": 0, "components": [], "pinned": False, "mention_everyone": False, "tts": False,
            "author": {"id": "100", "username": "Postlude", "avatar": None, "discriminator": "0000", "public_flags": 0,
                       "flags": 0, "global_name": None, "primary_guild": None, "bot": True}})
        return Answer(200, message) if request.query.get("wait") == "true" else Answer(204)

    def edit(self, request, number):
        message = self.one("message", id=number)
        if not message:
            return Answer(404, {"message": "Unknown Message", "code": 10008})
        message["content"] = request.json["content"]
        return Answer(200, message)


class Telegram(Vendor):
    routes = (("POST", r"/bot[^/]+/sendMessage", "post"), ("POST", r"/bot[^/]+/editMessageText", "edit"))

    def no(self, status, text):
        return Answer(status, {"ok": False, "error_code": status, "description": text})

    def post(self, request):
        body = request.json
        if body.get("chat_id") == -1:
            return Answer(400, {"ok": False, "error_code": 400, "parameters": {"migrate_to_chat_id": -1001},
                                "description": "Bad Request: group chat was upgraded to a supergroup chat"})
        if missing(body, "text"):
            return self.no(400, "Bad Request: message text is empty")
        message = self.make("message", {"message_id": next(self.ids), "chat": {"id": -100123, "type": "supergroup"},
                                        "date": int(time.time()), "text": body["text"]})
        return Answer(200, {"ok": True, "result": message})

    def edit(self, request):
        message = self.one("message", message_id=request.json.get("message_id"))
        if not message:
            return self.no(400, "Bad Request: message to edit not found")
        if message["text"] == request.json["text"]:
            return self.no(400, "Bad Request: message is not modified: specified new message content is the same")
        message["text"] = request.json["text"]
        return Answer(200, {"ok": True, "result": message})


class GoogleChat(Vendor):
    routes = (("POST", r"/v1/spaces/[^/]+/messages", "post"),)

    def no(self, status, text):
        return Answer(status, {"error": {"code": status, "message": text, "status": "INVALID_ARGUMENT"}})

    def post(self, request):
        if missing(request.json, "text") and missing(request.json, "cardsV2"):
            return self.no(400, "Message cannot be empty.")
        known = self.one("message", request=request.query.get("requestId"))
        message = known or self.make("message", {"request": request.query.get("requestId"), "id": next(self.ids)})
        return Answer(200, {"name": f"spaces/AAA/messages/{message['id']}", "thread": {"name": "spaces/AAA/threads/1"}})


class Mattermost(Vendor):
    routes = (("POST", "/api/v4/posts", "post"), ("GET", r"/api/v4/channels/([^/]+)/posts", "posts"),
              ("PUT", r"/api/v4/posts/([^/]+)/patch", "edit"))

    def no(self, status, text):
        return Answer(status, {"id": "api.error", "message": text, "status_code": status})

    def post(self, request):
        body = request.json
        if missing(body, "message") and not (body.get("props") or {}).get("attachments"):
            return self.no(400, "Invalid or missing message in request body.")
        return Answer(201, self.make("post", {"id": f"post{next(self.ids)}", "channel_id": body["channel_id"],
                                              "message": body["message"], "props": body.get("props", {}),
                                              "create_at": int(time.time() * 1000)}))

    def posts(self, request, channel):
        found = [p for p in self.all("post", channel_id=channel) if p["create_at"] >= int(request.query.get("since", 0))]
        return Answer(200, {"order": [p["id"] for p in found], "posts": {p["id"]: p for p in found}})

    def edit(self, request, number):
        post = self.one("post", id=number)
        if not post:
            return self.no(404, "Unable to get the post.")
        post["message"] = request.json["message"]
        return Answer(200, post)


class RocketChat(Vendor):
    routes = (("POST", "/api/v1/chat.sendMessage", "post"), ("GET", "/api/v1/chat.getMessage", "message"),
              ("POST", "/api/v1/chat.update", "edit"))

    def no(self, status, text):
        return Answer(status, {"success": False, "error": text})

    def handle(self, request):
        if request.headers.get("x-user-id") != "bot":
            return Answer(401, {"status": "error", "message": "You must be logged in to do this."})
        return super().handle(request)

    def post(self, request):
        message = request.json.get("message", {})
        if missing(message, "rid"):
            return self.no(400, "The required \"roomId\" or \"channel\" param is missing")
        if self.one("message", _id=message.get("_id")):
            return self.no(400, "error-message-exists")
        self.make("message", message)
        return Answer(200, {"success": True, "message": message})

    def message(self, request):
        found = self.one("message", _id=request.query.get("msgId"))
        return Answer(200, {"success": True, "message": found}) if found else Answer(400, {"success": False})

    def edit(self, request):
        message = self.one("message", _id=request.json.get("msgId"))
        if not message:
            return self.no(400, f"No message found with the id of \"{request.json.get('msgId')}\".")
        message["msg"] = request.json["text"]
        return Answer(200, {"success": True, "message": message})


class Webex(Vendor):
    routes = (("POST", "/messages", "post"),)

    def post(self, request):
        body = request.json
        if missing(body, "roomId"):
            return self.no(400, "The request could not be understood: roomId is missing.")
        message = self.make("message", {"id": f"Y2lz{next(self.ids)}", "roomId": body["roomId"], "markdown": body.get("markdown"),
                                        "created": stamp()})
        return Answer(200, message)


class WeCom(Vendor):
    routes = (("POST", "/cgi-bin/webhook/send", "post"),)

    def no(self, status, text):
        return Answer(200, {"errcode": 93000, "errmsg": "invalid webhook url"})

    def post(self, request):
        content = (request.json or {}).get("markdown", {}).get("content", "")
        if not content or len(content.encode()) > 4096:
            return Answer(200, {"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"})
        self.make("message", {"content": content})
        return Answer(200, {"errcode": 0, "errmsg": "ok"})

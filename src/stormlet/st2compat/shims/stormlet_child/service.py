"""What `self.action_service` is: the datastore of the engine, over its REST API with the action's own token."""

import os


class Wrapper(object):
    """What the action's surroundings know of it. The attribute names are StackStorm's; packs reach for some of them."""

    def __init__(self, pack, file_path, config, user, log_level):
        self._pack = pack
        self._file_path = file_path
        self._config = config or {}
        self._user = user
        self._log_level = log_level
        self._class_name = None


class ActionService(object):
    """Handed to the action's constructor."""

    def __init__(self, action_wrapper):
        self._action_wrapper = action_wrapper
        self._datastore_service = None

    @property
    def datastore_service(self):
        if self._datastore_service is None:
            wrapper = self._action_wrapper
            self._datastore_service = DatastoreService(self.logger, wrapper._pack, wrapper._class_name)
        return self._datastore_service

    @property
    def logger(self):
        from st2common.runners.utils import get_logger_for_python_runner_action

        return get_logger_for_python_runner_action(self._action_wrapper._class_name, self._action_wrapper._log_level)

    def get_user_info(self):
        return self.datastore_service.get_user_info()

    def list_values(self, local=True, prefix=None, limit=None, offset=0):
        return self.datastore_service.list_values(local=local, prefix=prefix, limit=limit, offset=offset)

    def get_value(self, name, local=True, scope="system", decrypt=False):
        return self.datastore_service.get_value(name, local=local, scope=scope, decrypt=decrypt)

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        return self.datastore_service.set_value(name, value, ttl=ttl, local=local, scope=scope, encrypt=encrypt)

    def delete_value(self, name, local=True, scope="system"):
        return self.datastore_service.delete_value(name, local=local, scope=scope)


class KeyValuePair(object):
    """One item of the datastore: name, value, scope, secret, description."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __repr__(self):
        return "<KeyValuePair name=%s>" % (getattr(self, "name", None),)


class DatastoreService(object):
    """Items under `<pack>.<Class>:` where `local`, any name otherwise."""

    def __init__(self, logger, pack_name, class_name):
        self._logger = logger
        self._prefix = "%s.%s:" % (pack_name, class_name)

    def get_user_info(self):
        return call("GET", "/user")

    def list_values(self, local=True, prefix=None, limit=None, offset=0):
        full = (self._prefix if local else "") + (prefix or "")
        query = {"prefix": full or None, "limit": limit or 100, "offset": offset or 0}
        return [KeyValuePair(**item) for item in call("GET", "/keys", query=query)]

    def get_value(self, name, local=True, scope="system", decrypt=False):
        """Return the value, or None where there is none or it cannot be had; the reason is logged."""
        _check(scope)
        query = {"scope": scope, "decrypt": "true" if decrypt else "false"}
        try:
            return call("GET", "/keys/" + self._quoted(name, local), query=query)["value"]
        except ApiError as error:
            if error.status != 404:
                self._logger.error("cannot read %s from the datastore: %s", name, error)
            return None

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        _check(scope)
        full = (self._prefix if local else "") + name
        item = {"name": full, "value": str(value), "scope": scope}
        if encrypt:
            item["secret"] = True
        if ttl:
            item["ttl"] = ttl
        call("PUT", "/keys/" + self._quoted(name, local), item)
        return True

    def delete_value(self, name, local=True, scope="system"):
        """Return whether there was such an item and it is gone."""
        _check(scope)
        try:
            call("DELETE", "/keys/" + self._quoted(name, local), query={"scope": scope})
        except ApiError as error:
            self._logger.error("cannot delete %s from the datastore: %s", name, error)
            return False
        return True

    def get_api_client(self):
        """Return st2client's client, where the pack's environment has st2client."""
        from st2client.client import Client

        return Client(api_url=os.environ.get("ST2_API_URL"), token=os.environ.get("ST2_AUTH_TOKEN"))

    def _quoted(self, name, local):
        from urllib.parse import quote

        return quote((self._prefix if local else "") + name, safe="")


class ApiError(Exception):
    """The engine's API did not do what it was asked; `status` is the HTTP status, 0 where there was no answer."""

    def __init__(self, status, text):
        super(ApiError, self).__init__(text)
        self.status = status


def call(method, path, body=None, query=None, headers=None):
    """Send a request to the API with the action's token and return what it answers; None where it answers nothing.

    Raises ApiError.
    """
    import json
    import urllib.error
    import urllib.parse
    import urllib.request

    url = os.environ.get("ST2_ACTION_API_URL", "") + path
    if query:
        url += "?" + urllib.parse.urlencode({key: value for key, value in query.items() if value is not None})
    request = urllib.request.Request(url, method=method)
    request.add_header("X-Auth-Token", os.environ.get("ST2_ACTION_AUTH_TOKEN", ""))
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    if body is not None:
        request.data = json.dumps(body).encode("utf-8")
        request.add_header("Content-Type", "application/json")
    # The engine is on this machine; a proxy that the environment names is for the world outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise ApiError(error.code, "%s %s: %d %s" % (method, path, error.code, _reason(error))) from None
    except OSError as error:
        raise ApiError(0, "%s %s: %s" % (method, url, getattr(error, "reason", error))) from None
    return json.loads(text) if text else None


def _reason(error):
    import json

    try:
        return json.loads(error.read())["faultstring"]
    except (ValueError, KeyError, TypeError, OSError):
        return error.reason


def _check(scope):
    if scope != "system":
        raise ValueError("Scope %s is unsupported." % scope)

"""A model hub in memory that speaks as much of the Hub's protocol as its client needs here."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Repository:
    """Commits and branches; a commit is all its files."""

    def __init__(self, *, private):
        self.private = private
        self.commits = {}
        self.branches = {}
        self.commit("main", {})

    def commit(self, branch, changes):
        files = {**self.commits.get(self.branches.get(branch), {}), **changes}
        described = repr((len(self.commits), branch, sorted(files.items()))).encode()
        commit = hashlib.sha1(described).hexdigest()
        self.commits[commit] = files
        self.branches[branch] = commit
        return commit

    def find(self, revision):
        return revision if revision in self.commits else self.branches.get(revision)


class Hub:
    """The server on a free port of this machine; `owner` is the token of who may write and see all."""

    def __init__(self, *, owner):
        self.owner = owner
        self.repositories = {}
        self.requests = []
        self.cut = None
        """Path whose content breaks off half way, every time."""
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_hub: Hub

    def log_message(self, *args):
        pass

    def _answer(self, status, body=b"", **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    @property
    def _is_owner(self):
        return self.headers.get("Authorization") == f"Bearer {self.server_hub.owner}"

    def _repository(self, name):
        """A repository that the caller may see, or None after the answer has been sent."""
        found = self.server_hub.repositories.get(name)
        if found is None or (found.private and not self._is_owner):
            self._answer(404 if self._is_owner else 401, {"error": "none"}, X_Error_Code="RepoNotFound")
            return None
        return found

    def _body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _route(self, routes):
        path = unquote(urlsplit(self.path).path)
        self.server_hub.requests.append(f"{self.command} {path}")
        for pattern, respond in routes:
            if match := re.fullmatch(pattern, path):
                respond(*match.groups())
                return
        self._answer(404, {"error": f"no route {self.command} {path}"})

    def do_GET(self):
        self._route(
            [
                (r"/api/models/([^/]+/[^/]+)/revision/(.+)", self._info),
                (r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", self._tree),
                (r"/api/models/([^/]+/[^/]+)", lambda name: self._info(name, "main")),
                (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._file),
            ]
        )

    do_HEAD = do_GET

    def do_POST(self):
        if not self._is_owner:
            self._body()
            self._answer(401, {"error": "no token"})
            return
        self._route(
            [
                (r"/api/repos/create", self._create),
                (r"/api/validate-yaml", lambda: (self._body(), self._answer(200, {}))),
                (r"/api/models/([^/]+/[^/]+)/branch/(.+)", self._branch),
                (r"/api/models/([^/]+/[^/]+)/preupload/(.+)", self._preupload),
                (r"/api/models/([^/]+/[^/]+)/commit/(.+)", self._commit),
            ]
        )

    def _create(self):
        asked = json.loads(self._body())
        name = f"{asked['organization']}/{asked['name']}"
        repositories = self.server_hub.repositories
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        status = 409 if name in repositories else 200
        repositories.setdefault(name, Repository(private=private))
        self._answer(status, {"url": f"{self.server_hub.url}/{name}"})

    def _branch(self, name, branch):
        self._body()
        if repository := self._repository(name):
            known = branch in repository.branches
            repository.branches.setdefault(branch, repository.branches["main"])
            self._answer(409 if known else 200, {"error": "exists"} if known else {})

    def _preupload(self, name, revision):
        files = json.loads(self._body())["files"]
        modes = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]
        self._answer(200, {"files": modes})

    def _commit(self, name, branch):
        lines = [json.loads(line) for line in self._body().splitlines()]
        repository = self.server_hub.repositories[name]
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in lines
            if line["key"] == "file"
        }
        commit = repository.commit(branch, files)
        url = f"{self.server_hub.url}/{name}/commit/{commit}"
        self._answer(200, {"commitUrl": url, "commitOid": commit, "success": True})

    def _info(self, name, revision):
        if repository := self._repository(name):
            commit = repository.find(revision)
            if commit is None:
                self._answer(404, {"error": "no revision"}, X_Error_Code="RevisionNotFound")
                return
            siblings = [{"rfilename": path} for path in repository.commits[commit]]
            self._answer(200, {"id": name, "sha": commit, "siblings": siblings})

    def _tree(self, name, revision):
        if repository := self._repository(name):
            files = repository.commits[repository.find(revision)]
            entries = [
                {"type": "file", "path": path, "size": len(content), "oid": _etag(content)}
                for path, content in files.items()
            ]
            self._answer(200, entries)

    def _file(self, name, revision, path):
        if repository := self._repository(name):
            commit = repository.find(revision)
            if commit is None:
                self._answer(404, {"error": "no revision"}, X_Error_Code="RevisionNotFound")
                return
            content = repository.commits[commit].get(path)
            if content is None:
                self._answer(404, {"error": "no file"}, X_Error_Code="EntryNotFound")
                return
            headers = {"ETag": f'"{_etag(content)}"', "X_Repo_Commit": commit}
            if path == self.server_hub.cut and self.command == "GET":
                self._break_off(content, headers)
            else:
                self._answer(200, content, **headers)

    def _break_off(self, content, headers):
        self.send_response(200)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True


def _etag(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

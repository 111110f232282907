# SPDX-License-Identifier: Apache-2.0
"""schema: the part of OpenAPI 3.1 that openapi.json uses: finds the operation that a request is, and says what in an
answer does not fit its schema. A word of JSON Schema it does not know is an error: nothing is passed over."""
import re

PLAIN = {"description", "default"}
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Document:
    def __init__(self, document):
        self.document = document
        self.paths = [(re.compile("/".join("[^/]+" if part.startswith("{") else re.escape(part)
                                           for part in path.split("/"))), path)
                      for path in document["paths"]]

    def operations(self):
        return {(method.upper(), path) for path, methods in self.document["paths"].items() for method in methods}

    def operation(self, method, path):
        """(METHOD, template) and what the document says of it; the template without parameters wins."""
        found = sorted((path_ for pattern, path_ in self.paths if pattern.fullmatch(path)), key=lambda p: p.count("{"))
        assert found, f"{path} is not in the document"
        methods = self.document["paths"][found[0]]
        assert method.lower() in methods, f"{method} {path} is not in the document"
        return (method, found[0]), methods[method.lower()]

    def resolve(self, node):
        while "$ref" in node:
            at = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            node = at
        return node

    def check_answer(self, operation, status, kind, body):
        """body: as JSON, or None when there is none."""
        assert str(status) in operation["responses"], f"{operation['operationId']}: {status} is not declared"
        answer = self.resolve(operation["responses"][str(status)])
        if "content" not in answer:
            assert body is None, f"{operation['operationId']}: {status} has a body"
            return
        assert kind in answer["content"], f"{operation['operationId']}: {status} is {kind}"
        if kind == "application/json":
            self.check(answer["content"][kind]["schema"], body, operation["operationId"])

    def check(self, schema, value, where):
        schema = self.resolve(schema)
        kinds = schema.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if kinds:
            assert any(self.is_a(kind, value) for kind in kinds), f"{where}: {value!r} is no {kinds}"
        for word, wanted in schema.items():
            if word not in PLAIN and word != "type":
                getattr(self, "check_" + word)(schema, wanted, value, where)

    @staticmethod
    def is_a(kind, value):
        if kind in ("integer", "number"):
            return isinstance(value, (int, float) if kind == "number" else int) and not isinstance(value, bool)
        return isinstance(value, KINDS[kind])

    def check_properties(self, schema, wanted, value, where):
        for name in (wanted if isinstance(value, dict) else ()):
            if name in value:
                self.check(wanted[name], value[name], f"{where}.{name}")

    def check_required(self, schema, wanted, value, where):
        missing = [name for name in wanted if isinstance(value, dict) and name not in value]
        assert not missing, f"{where}: {missing} are missing in {value}"

    def check_additionalProperties(self, schema, wanted, value, where):
        more = [name for name in value if name not in schema.get("properties", ())] if isinstance(value, dict) else ()
        assert wanted is not False or not more, f"{where}: {more} are not in the schema"
        for name in (more if isinstance(wanted, dict) else ()):
            self.check(wanted, value[name], f"{where}.{name}")

    def check_items(self, schema, wanted, value, where):
        for i, item in enumerate(value if isinstance(value, list) else ()):
            self.check(wanted, item, f"{where}[{i}]")

    def check_anyOf(self, schema, wanted, value, where):
        problems = []
        for one in wanted:
            try:
                self.check(one, value, where)
                return
            except AssertionError as problem:
                problems.append(str(problem))
        raise AssertionError("; ".join(problems))

    def check_enum(self, schema, wanted, value, where):
        assert value in wanted, f"{where}: {value!r} is none of {wanted}"

    def check_pattern(self, schema, wanted, value, where):
        assert value is None or re.search(wanted, value), f"{where}: {value!r}"

    def check_minimum(self, schema, wanted, value, where):
        assert value is None or value >= wanted, f"{where}: {value}"

    def check_maximum(self, schema, wanted, value, where):
        assert value is None or value <= wanted, f"{where}: {value}"

    def check_minLength(self, schema, wanted, value, where):
        assert value is None or len(value) >= wanted, f"{where}: {value!r}"

    def check_maxLength(self, schema, wanted, value, where):
        assert value is None or len(value) <= wanted, f"{where}: {value!r}"

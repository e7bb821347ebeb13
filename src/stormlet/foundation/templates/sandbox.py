"""Jinja's sandbox with a budget: every loop, call, filter, operation and literal of a template is counted and weighed.

Jinja lets an environment intercept calls and operators, but not loops, slices, `~` and literals; those are rewritten into
filters of our own when a template is compiled (`Guard`). Filters get the context, and with it the rendering's budget.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from jinja2 import Environment, StrictUndefined, nodes, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates import growth
from stormlet.foundation.templates.budget import Budget, budget_of
from stormlet.foundation.templates.keyvalues import KeyValueLookup
from stormlet.foundation.templates.opaque import refuse_address, refuse_code, refuse_opaque

LOOP, STATIC, SLICE, CONCAT, LITERAL = (f"stormlet {name}" for name in ("loop", "static", "slice", "concat", "literal"))
M = TypeVar("M", nodes.Macro, nodes.CallBlock)
_WITH_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class SilentNamespace(Namespace):
    """Jinja's `namespace()`, which prints what it holds; namespaces in namespaces would print without end."""

    def __repr__(self) -> str:
        return "<Namespace>"


class BoundedFormatter(SandboxedFormatter):
    """`str.format` with bounded widths and a bounded result."""

    def __init__(self, environment: Environment, limit: int) -> None:
        super().__init__(environment)
        self._left = limit

    def convert_field(self, value: Any, conversion: Any) -> Any:
        refuse_opaque(value)
        return super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        growth.check_format_spec(format_spec)
        text: str = super().format_field(value, format_spec)
        self._left -= len(text)
        if self._left < 0:
            raise RenderError("the template formats to a value that is too large")
        return text


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The environment that all templates are compiled in. Knows nothing of one rendering; that is in the context."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, filters: Mapping[str, Callable[..., Any]], working_size: int) -> None:
        # optimized=False: the optimizer would evaluate constant expressions while compiling, without any budget.
        super().__init__(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, optimized=False, finalize=finalize
        )
        del self.globals["lipsum"]
        self.globals["namespace"] = SilentNamespace
        self.tests["in"] = _is_in
        every = {**self.filters, **filters}
        self.filters.update({name: bounded(name, function) for name, function in every.items()})
        self.filters.update({LOOP: _loop, STATIC: _static, SLICE: _slice, CONCAT: _concat, LITERAL: _literal})
        self._working_size = working_size

    def guarded(self, tree: nodes.Template) -> nodes.Template:
        """Return the template with its loops, slices, concatenations and literals under guard."""
        for node in tree.find_all(_WITH_FILES):
            raise RenderError(f"a template cannot {type(node).__name__.lower()} another (line {node.lineno})")
        Guard().visit(tree)
        return tree

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget = budget_of(context.parent)
        growth.check_operation(budget, operator, left, right)
        if operator == "%" and isinstance(left, str):
            refuse_opaque(right)
            budget.weigh(right)  # of a tuple each part becomes text
        return budget.keep(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as Jinja calls it
        budget = budget_of(__context.parent)
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, (str, bytes)):
            args = growth.check_method(budget, owner, name, args)
        elif isinstance(__obj, LoopContext) and args:
            args = (_counted(budget, args[0]), *args[1:])  # a recursive loop goes around `loop`, not around `for`
        budget.step()
        return budget.keep(super().call(__context, __obj, *args, **kwargs))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr not in growth.FORBIDDEN_METHODS and super().is_safe_attribute(obj, attr, value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj.child(attribute) if isinstance(obj, KeyValueLookup) else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return obj.child(str(argument)) if isinstance(obj, KeyValueLookup) else super().getitem(obj, argument)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        owner, name = getattr(value, "__self__", None), getattr(value, "__name__", "")
        if not isinstance(owner, str) or name not in {"format", "format_map"}:
            return None

        def formatted(*args: Any, **kwargs: Any) -> str:
            if name == "format_map":
                return self._formatter().vformat(str(owner), (), dict(*args))
            return self._formatter().vformat(str(owner), args, kwargs)

        return formatted

    def _formatter(self) -> BoundedFormatter:
        return BoundedFormatter(self, self._working_size)


class Guard(NodeTransformer):
    """Rewrites what Jinja offers no hook for into filters of ours."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - the visitor's naming
        static = _static_size(node.body)
        self.generic_visit(node)
        node.iter = _filter(LOOP, node.iter, nodes.Const(static))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:  # noqa: N802
        return self._counted(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.CallBlock:  # noqa: N802
        return self._counted(node)

    def _counted(self, node: M) -> M:
        static = nodes.Const(_static_size(node.body), lineno=node.lineno)
        self.generic_visit(node)
        node.body.insert(0, nodes.Output([_filter(STATIC, static)], lineno=node.lineno))
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        bounds = [bound or nodes.Const(None) for bound in (node.arg.start, node.arg.stop, node.arg.step)]
        return _filter(SLICE, node.node, *bounds)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        return _filter(CONCAT, nodes.Tuple(node.nodes, "load", lineno=node.lineno))

    def visit_List(self, node: nodes.List) -> nodes.Expr:  # noqa: N802
        return self._literal(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802
        return self._literal(node) if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:  # noqa: N802
        return self._literal(node)

    def _literal(self, node: nodes.List | nodes.Tuple | nodes.Dict) -> nodes.Expr:
        self.generic_visit(node)
        return _filter(LITERAL, node)


def _filter(name: str, node: nodes.Node, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)


def _static_size(body: list[nodes.Node]) -> int:
    return sum(len(data.data) for node in body for data in _template_data(node))


def _template_data(node: nodes.Node) -> Iterator[nodes.TemplateData]:
    if isinstance(node, nodes.TemplateData):
        yield node
    yield from node.find_all(nodes.TemplateData)


def bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter with its arguments checked and its result weighed."""
    passed = getattr(function, "jinja_pass_arg", None)
    kind = passed.name if passed is not None else ""
    check = growth.FILTER_CHECKS.get(name)
    slow = name in growth.SLOW_FILTERS

    @pass_context
    @functools.wraps(function, assigned=("__name__", "__doc__"), updated=())
    def run(context: Context, value: Any = None, *args: Any, **kwargs: Any) -> Any:
        budget = budget_of(context.parent)
        for each in (value, *args):
            refuse_code(each)
        if check is not None:
            value = check(budget, value, args, kwargs)
        first = {"context": (context,), "eval_context": (context.eval_ctx,), "environment": (context.environment,)}
        given = (*first.get(kind, ()), value, *args)
        if slow:
            with budget.watching():
                made = budget.keep(function(*given, **kwargs))
        else:
            made = budget.keep(function(*given, **kwargs))
        refuse_address(value, made)
        return made

    return run


@pass_context
def finalize(context: Context, value: Any) -> Any:
    """Count what is printed. That it needs the context also keeps Jinja from printing constants while compiling."""
    if isinstance(value, str):
        budget_of(context.parent).output(len(value))
        return value
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        budget_of(context.parent).allow(budget_of(context.parent).weigh(value))
    else:
        refuse_opaque(value)
    text = str(value)
    budget_of(context.parent).output(len(text))
    return text


def _counted(budget: Budget, iterable: Any, static: int = 0) -> Iterator[Any]:
    for item in iterable:
        budget.step()
        budget.output(static)
        yield item


def _is_in(item: Any, container: Any) -> bool:
    return item in container


@pass_context
def _loop(context: Context, iterable: Any, static: int) -> Iterator[Any]:
    return _counted(budget_of(context.parent), iterable, static)


@pass_context
def _static(context: Context, size: int) -> str:
    budget: Budget = budget_of(context.parent)
    budget.step()
    budget.output(size)
    return ""


@pass_context
def _slice(context: Context, value: Any, start: Any, stop: Any, step: Any) -> Any:
    return budget_of(context.parent).keep(value[start:stop:step])


@pass_context
def _concat(context: Context, parts: tuple[Any, ...]) -> Any:
    budget = budget_of(context.parent)
    budget.allow(budget.weigh(parts))
    return budget.keep("".join(map(str, parts)))


@pass_context
def _literal(context: Context, value: Any) -> Any:
    return budget_of(context.parent).keep(value)

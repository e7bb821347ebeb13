"""Which rules an event matches, and why: pure, compiled at load. Everything of StackStorm's criteria is here."""

from stormlet.flow.matching.asking import explain, match
from stormlet.flow.matching.compile import CompiledRule, compile_rule
from stormlet.flow.matching.criteria import MatchContext
from stormlet.flow.matching.index import RuleIndex
from stormlet.flow.matching.operators import OPERATORS, Operator

__all__ = ["OPERATORS", "CompiledRule", "MatchContext", "Operator", "RuleIndex", "compile_rule", "explain", "match"]

// Package ruletest runs unit tests of rules, in promtool's format, on the engine
// that runs in production: there is no second evaluator whose verdict could
// differ from what fires.
//
// Invariants: a verdict depends on the test file and the rule files alone, not
// on the clock, the machine or the order of maps; it is promtool's, where the
// package's tests name no exception; what is wrong with a file is reported all
// at once and with its place, and what would exhaust the machine ends with an
// error that names the limit.
package ruletest

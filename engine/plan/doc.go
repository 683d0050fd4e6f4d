// Package plan evaluates the expressions of all rules together. It owns the graph
// that they are compiled to, in which equal expressions are one node, and the
// window: the recent samples of the series that they select, which it takes from
// the transactions that pass through it on their way to storage.
//
// Invariants: what the plan answers is what promql.Engine would answer over
// storage at that moment, to the last bit and in the same order, or it does not
// answer at all (errors, native histograms, what is older than the window, what it
// cannot know): then the caller asks promql.Engine. Nothing is computed from labels
// during an evaluation that was computed for that series before. Samples become
// visible with their commit, all of a transaction at once. The window holds no more
// samples than it may, and none that no rule reads.
//
// One mutex guards graph and window; an evaluation of one rule holds it, and so
// does the publication of one transaction. A second, which is taken first, is held
// while a transaction commits and becomes visible. Storage is read, to fill the
// window, with neither: what is committed meanwhile is put aside and follows.
package plan

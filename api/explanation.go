package api

import "time"

// Explanation takes one rule apart, as of its last evaluation. It is what
// GET /api/v1/explain answers.
type Explanation struct {
	Rule
	Expr string `json:"expr"`
	// For, KeepFiringFor, Interval and QueryOffset are in seconds; the last two are of
	// the group.
	For           float64           `json:"for"`
	KeepFiringFor float64           `json:"keepFiringFor"`
	Interval      float64           `json:"interval"`
	QueryOffset   float64           `json:"queryOffset"`
	Labels        map[string]string `json:"labels"`
	Annotations   map[string]string `json:"annotations"`

	// State is firing, pending or inactive; recording for a recording rule, and
	// unknown before the first evaluation. Health and LastError are of the last one.
	State     string `json:"state"`
	Health    string `json:"health"`
	LastError string `json:"lastError,omitempty"`
	// Answer says in a sentence why the rule fires, or why not; Details what else is
	// to be known, the most important first.
	Answer  string   `json:"answer"`
	Details []string `json:"details"`

	// At is the moment for which all below is evaluated: the timestamp of the rule's
	// last evaluation, QueryOffset before it.
	At time.Time `json:"at"`
	// EvaluatedBy is plan or promql; empty before the first evaluation.
	EvaluatedBy    string       `json:"evaluatedBy,omitempty"`
	LastEvaluation time.Time    `json:"lastEvaluation,omitzero"`
	EvaluationTime float64      `json:"evaluationTime"`
	Expression     *Node        `json:"expression,omitempty"`
	Skipped        string       `json:"skipped,omitempty"` // why parts of it were not evaluated
	Selectors      []Selector   `json:"selectors"`
	Comparisons    []Comparison `json:"comparisons"`

	Alerts []Alert `json:"alerts"`
	// HeldBack is how many alerts a limit keeps out.
	HeldBack    int          `json:"heldBack,omitempty"`
	Holds       []Hold       `json:"holds"`
	Evaluations []Evaluation `json:"evaluations"` // the last ones, the newest first
}

// Place is a part of an expression: its text, and the bytes of Explanation.Expr
// that it stands in.
type Place struct {
	Text  string `json:"text"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Node is one operator, function, selector or literal of an expression, with what
// it gives. Parentheses have no node of their own.
type Node struct {
	Place
	// Kind is number, string, selector, range selector, subquery, function,
	// aggregation, comparison, arithmetic, set operation or sign.
	Kind string `json:"kind"`
	// Operator is the operator, or the name of the function or aggregation.
	Operator string `json:"operator,omitempty"`
	// Role is what the node is to the one above: left, right, argument, parameter,
	// inner; empty at the top.
	Role string `json:"role,omitempty"`
	// Type is that of the value: scalar, vector, matrix, string.
	Type string `json:"type"`
	// Total is how many series a vector has, Series the first of them; a scalar has a
	// Value. Those of a range selector are the numbers of samples.
	Total  int      `json:"total"`
	Series []Series `json:"series,omitempty"`
	Value  *Value   `json:"value,omitempty"`
	// Took is how long the evaluation was under way, in seconds; 0 where there was
	// none of its own.
	Took     float64  `json:"took"`
	Error    string   `json:"error,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Skipped  string   `json:"skipped,omitempty"` // why it was not evaluated
	Nodes    []Node   `json:"nodes,omitempty"`
}

// Series is one element of a vector.
type Series struct {
	Labels    map[string]string `json:"labels"`
	Value     Value             `json:"value"`
	Histogram string            `json:"histogram,omitempty"` // in place of the value
}

// Selector is one selector of an expression and what it finds.
type Selector struct {
	Place
	// Matched is how many series have a sample; -1 if it was not evaluated.
	Matched int `json:"matched"`
	// Note says why it matches nothing.
	Note string `json:"note,omitempty"`
	// Window is that of a range selector.
	Window *Window `json:"window,omitempty"`
}

// Window is how far back a range selector reads, and what is there.
type Window struct {
	// Range is in seconds, Samples all it holds, Fewest and Most those of one series.
	Range   float64 `json:"range"`
	Samples int     `json:"samples"`
	Fewest  int     `json:"fewest"`
	Most    int     `json:"most"`
	// Expected is how many samples a series has by the scrape interval.
	Expected int `json:"expected"`
	// Note says what is missing: much of the window was not covered by scrapes. Since
	// is when they began to come again.
	Note  string    `json:"note,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// Comparison is one comparison of a vector with a number, and how far from it each
// series is, also those for which it does not hold.
type Comparison struct {
	Place
	// Operator is as if the vector stood on the left.
	Operator  string `json:"operator"`
	Threshold Value  `json:"threshold"`
	// True of Total series satisfy it. Series are the first of them: those that do,
	// then the nearest.
	True   int        `json:"true"`
	Total  int        `json:"total"`
	Series []Distance `json:"series"`
}

// Distance is how far a series is from a threshold.
type Distance struct {
	Labels map[string]string `json:"labels"`
	Value  Value             `json:"value"`
	// Difference is the value less the threshold, Ratio the value by the threshold.
	Difference Value `json:"difference"`
	Ratio      Value `json:"ratio"`
	True       bool  `json:"true"`
}

// Hold is something that keeps a rule's alerts as they are, or out.
type Hold struct {
	// Kind is scrape, error, pause, limit, gap, storage or rule.
	Kind  string    `json:"kind"`
	Text  string    `json:"text"`
	Since time.Time `json:"since,omitzero"`
}

// Evaluation is one evaluation of a rule.
type Evaluation struct {
	At     time.Time `json:"at"`
	Took   float64   `json:"took"` // in seconds
	Series int       `json:"series"`
	By     string    `json:"by"` // plan or promql
	Error  string    `json:"error,omitempty"`
}

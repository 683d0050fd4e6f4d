package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

// variables are what rule templates know beside Go's dot, as in Prometheus.
const variables = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

// expander fills in the templates of one alert.
type expander struct {
	engine *Engine
	ctx    context.Context
	rule   string
	sample promql.Sample
	ts     time.Time
	data   any   // made for the first template
	err    error // the last template that failed
}

func (e *Engine) expander(ctx context.Context, rule string, s promql.Sample, ts time.Time) *expander {
	return &expander{engine: e, ctx: ctx, rule: rule, sample: s, ts: ts}
}

// expand fills in one template. A failure becomes its text, as in Prometheus: a
// wrong annotation must not cost the alert.
func (x *expander) expand(t *ruleTemplate) string {
	switch {
	case t.phrase != nil:
		return say(t.phrase, x.sample)
	case !strings.Contains(t.bounded, "{{"):
		return t.bounded // as most labels: what a template without an action gives
	}
	opts := x.engine.opts
	if x.data == nil {
		x.data = template.AlertTemplateData(x.sample.Metric.Map(), opts.ExternalLabels.Map(), opts.ExternalURL.String(), x.sample)
	}
	if compiled := t.ready(); compiled != nil {
		var b strings.Builder
		if compiled.Execute(&b, x.data) == nil {
			return b.String()
		}
	}
	e := template.NewTemplateExpander(x.ctx, variables+t.bounded, "__alert_"+x.rule, x.data,
		model.Time(timestamp.FromTime(x.ts)), x.engine.vector, opts.ExternalURL, nil)
	e.Funcs(map[string]any{chargeFunc: (&meter{left: templateBudget}).charge})
	out, err := e.Expand()
	if err != nil {
		x.err = err
		return fmt.Sprintf("<error expanding template: %s>", err)
	}
	return out
}

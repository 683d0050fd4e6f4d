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
	name   string
	data   any
	ts     time.Time
	err    error // the last template that failed
}

func (e *Engine) expander(ctx context.Context, name string, s promql.Sample, ts time.Time) *expander {
	return &expander{
		engine: e, ctx: ctx, name: "__alert_" + name, ts: ts,
		data: template.AlertTemplateData(s.Metric.Map(), e.opts.ExternalLabels.Map(), e.opts.ExternalURL.String(), s),
	}
}

// expand fills in one template, as bounded made it. A failure becomes its text, as in Prometheus: a
// wrong annotation must not cost the alert.
func (x *expander) expand(text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	t := template.NewTemplateExpander(x.ctx, variables+text, x.name, x.data,
		model.Time(timestamp.FromTime(x.ts)), x.engine.vector, x.engine.opts.ExternalURL, nil)
	t.Funcs(map[string]any{chargeFunc: (&meter{left: templateBudget}).charge})
	out, err := t.Expand()
	if err != nil {
		x.err = err
		return fmt.Sprintf("<error expanding template: %s>", err)
	}
	return out
}

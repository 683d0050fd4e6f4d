package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
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
	if t.plain {
		return t.bounded
	}
	if t.phrase != nil {
		if text, ok := say(t.phrase, x.sample); ok {
			return text
		}
	}
	opts := x.engine.opts
	if x.data == nil {
		x.data = template.AlertTemplateData(x.sample.Metric.Map(), *x.engine.external.Load(), opts.ExternalURL.String(), x.sample)
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

// labelsOf are the labels of the alert of an element.
func (r *alertingRule) labelsOf(ctx context.Context, lb *labels.Builder, s promql.Sample, ts time.Time) labels.Labels {
	x := r.engine.expander(ctx, r.rule.Alert, s, ts)
	lb.Reset(s.Metric)
	lb.Del(labels.MetricName)
	r.rule.Labels.Range(func(l labels.Label) { lb.Set(l.Name, x.expand(r.templates[l.Value])) })
	lb.Set(labels.AlertName, r.rule.Alert)
	r.note(x.err)
	return lb.Labels()
}

// annotate gives the annotations of the alert of an element: of one that waits for
// room they are for nobody.
func (r *alertingRule) annotate(ctx context.Context, s promql.Sample, ts time.Time) labels.Labels {
	if r.engine.opts.NoAnnotations {
		return labels.EmptyLabels()
	}
	x := r.engine.expander(ctx, r.rule.Alert, s, ts)
	sb := labels.NewScratchBuilder(r.rule.Annotations.Len())
	r.rule.Annotations.Range(func(l labels.Label) { sb.Add(l.Name, x.expand(r.templates[l.Value])) })
	r.note(x.err)
	return sb.Labels()
}

// note remembers that a template failed.
func (r *alertingRule) note(err error) {
	if err != nil {
		r.failing = err.Error()
	}
}

// logTemplates tells once of a template that fails.
func (r *alertingRule) logTemplates() {
	if r.failing != r.templateErr && r.failing != "" {
		r.engine.log.Warn("template fails, its error stands in its place", "rule", r.rule.Alert, "err", r.failing)
	}
	r.templateErr = r.failing
}

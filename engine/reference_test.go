package engine

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/strutil"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/rules"
)

// reference is Prometheus's own rule groups over a TSDB of their own.
type reference struct {
	t      testing.TB
	db     *teststorage.TestStorage
	groups []*promrules.Group
	sent   []string
}

func newReference(t testing.TB, content string) *reference {
	t.Helper()
	ref := &reference{t: t, db: teststorage.New(t)}
	query := newPromQL(Options{Interval: step15})
	ext := "http://h"
	extURL := &url.URL{Scheme: "http", Host: "h"}
	opts := &promrules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation, ExternalURL: extURL, Context: context.Background(),
		QueryFunc: promrules.EngineQueryFunc(query, ref.db), AppendableV2: ref.db, Queryable: ref.db,
		Logger: promslog.NewNopLogger(), Registerer: prometheus.NewRegistry(), ResendDelay: DefaultResendDelay,
		Parser: parser.NewParser(parser.Options{}),
		NotifyFunc: func(_ context.Context, expr string, as ...*promrules.Alert) {
			for _, a := range as {
				ends := a.ValidUntil
				if !a.ResolvedAt.IsZero() {
					ends = a.ResolvedAt
				}
				ref.sent = append(ref.sent, fmt.Sprint(a.Labels, a.Annotations, a.FiredAt, ends, ext+strutil.TableLinkForExpression(expr), !a.ResolvedAt.IsZero()))
			}
		},
	}
	promrules.NewManager(opts) // fills in what the options leave out
	for _, g := range rules.Parse("rules.yml", []byte(content)).Groups {
		var rs []promrules.Rule
		for _, r := range g.Rules {
			if r.Record != "" {
				rs = append(rs, promrules.NewRecordingRule(r.Record, r.Expr, r.Labels))
				continue
			}
			rs = append(rs, promrules.NewAlertingRule(r.Alert, r.Expr, r.For, r.KeepFiringFor, r.Labels, r.Annotations,
				labels.EmptyLabels(), ext, true, promslog.NewNopLogger()))
		}
		ref.groups = append(ref.groups, promrules.NewGroup(promrules.GroupOptions{
			Name: g.Name, File: g.File, Interval: step15, Rules: rs, QueryOffset: g.QueryOffset, Limit: g.Limit, Opts: opts,
		}))
	}
	return ref
}

func (r *reference) tick(at time.Time) {
	r.sent = nil
	for _, g := range r.groups {
		g.Eval(r.t.Context(), at)
	}
}

func (r *reference) visible(b *workbench, at time.Time) visible {
	v := visible{Sent: r.sent, Series: b.everySample(r.db, at)}
	for _, g := range r.groups {
		for _, rule := range g.Rules() {
			ar, ok := rule.(*promrules.AlertingRule)
			if !ok {
				continue
			}
			ar.ForEachActiveAlert(func(a *promrules.Alert) {
				v.Alerts = append(v.Alerts, describe(a.State.String(), a.Labels, a.Annotations, a.Value, a.ActiveAt, a.FiredAt, a.ResolvedAt, a.KeepFiringSince, a.LastSentAt))
			})
		}
	}
	return v.normal()
}

// failed tells whether a rule has ended in an error: two results became equal.
func (r *reference) failed() bool {
	for _, g := range r.groups {
		for _, rule := range g.Rules() {
			if rule.LastError() != nil {
				return true
			}
		}
	}
	return false
}

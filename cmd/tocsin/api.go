package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/docs/runbooks"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/web"
)

// webOptions are what the API and the page read from.
func (d *daemon) webOptions(eng *engine.Engine, reg *prometheus.Registry, log *slog.Logger) web.Options {
	opts := web.Options{
		Snapshot: eng.Snapshot, Status: d.status, Now: d.clock.now, Query: query(eng), Queryable: queryable{d.store}, Insight: eng.Insight, Deliveries: d.deliveries,
		Metadata: d.metadata, Cardinality: d.cardinality, Config: d.prometheusConfig,
		Hostnames: d.settings.hostnames(), AllowedHosts: d.settings.allowedHosts, ExternalURL: d.settings.externalURL(),
		Runbooks: runbooks.Files(),
		Gatherer: prometheus.Gatherers{reg, d.scrapes, newProcessRegistry(), d.store}, Logger: log, Registerer: reg,
	}
	if d.settings.remoteWrite {
		opts.Appendable = d.feed
	}
	if d.settings.httpReload {
		opts.Reload = d.reload
	}
	return opts
}

// unavailable tells web that storage is not open, and nothing else about it.
type unavailable struct{ error }

func (e unavailable) Unwrap() []error { return []error{web.ErrUnavailable, e.error} }

func orUnavailable(err error) error {
	if errors.Is(err, storage.ErrNotReady) {
		return unavailable{err}
	}
	return err
}

// query is the engine's.
func query(eng *engine.Engine) func(context.Context, engine.Query) (engine.Result, error) {
	return func(ctx context.Context, q engine.Query) (engine.Result, error) {
		res, err := eng.Execute(ctx, q)
		return res, orUnavailable(err)
	}
}

// queryable is the store's.
type queryable struct{ store *storage.Store }

func (q queryable) Querier(mint, maxt int64) (promstorage.Querier, error) {
	opened, err := q.store.Querier(mint, maxt)
	return opened, orUnavailable(err)
}

// deliveries is what became of an alert at each Alertmanager.
func (d *daemon) deliveries(ls labels.Labels) []api.Delivery {
	at := func(t time.Time) time.Time { return api.Instant(d.clock.shown(t)) }
	var list []api.Delivery
	for _, x := range d.notifier.Deliveries(ls) {
		one := api.Delivery{
			Alertmanager: cmp.Or(receiverURL(x.URL), "none found yet"), State: api.DeliveryTold, ToldAt: at(x.ToldAt), ConfirmedAt: at(x.ConfirmedAt),
			WaitingSince: at(x.WaitingSince), Error: x.LastError, NextTry: at(x.NextTry),
		}
		switch {
		case x.Withheld:
			one.State = api.DeliveryWithheld
		case x.Refusal != "":
			one.State, one.Error = api.DeliveryRefused, x.Refusal
		case !x.WaitingSince.IsZero():
			one.State = api.DeliveryWaiting
		case x.ToldAt.IsZero():
			one.State = api.DeliveryUnknown
		}
		if !x.ToldAt.IsZero() {
			one.Told = api.Firing
			if x.Resolved {
				one.Told = api.Resolved
			}
		}
		list = append(list, one)
	}
	return list
}

func (d *daemon) metadata() []web.Metadata {
	var list []web.Metadata
	for _, m := range append(d.scraper.Metadata(), d.life.jobs.Metadata()...) {
		list = append(list, web.Metadata(m))
	}
	return list
}

func (d *daemon) cardinality(limit int) (web.Cardinality, error) {
	c, err := d.store.Cardinality(limit)
	if err != nil {
		return web.Cardinality{}, orUnavailable(err)
	}
	return web.Cardinality{
		Head:           web.HeadStats{Series: c.Series, LabelPairs: c.LabelPairs, Chunks: c.Chunks, MinTime: c.MinTime, MaxTime: c.MaxTime},
		SeriesByMetric: numbers(c.SeriesByMetric), ValuesByLabel: numbers(c.ValuesByLabel),
		BytesByLabel: numbers(c.BytesByLabel), SeriesByPair: numbers(c.SeriesByPair),
	}, nil
}

func numbers(counts []storage.Count) []web.NamedNumber {
	list := make([]web.NamedNumber, len(counts))
	for i, c := range counts {
		list[i] = web.NamedNumber(c)
	}
	return list
}

// reload reads configuration and rule files again, and says what in them cannot be used.
func (d *daemon) reload() error {
	d.life.Reload()
	var errs []error
	for _, p := range d.life.config.problems() {
		errs = append(errs, p)
	}
	for _, p := range d.life.book.problems() {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

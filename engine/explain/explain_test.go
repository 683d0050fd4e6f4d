package explain

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// bench is an engine over a real TSDB that evaluates one group of rules.
type bench struct {
	t    testing.TB
	db   *teststorage.TestStorage
	eng  *engine.Engine
	at   time.Time
	opts Options
}

const every = 15 * time.Second

func newBench(t testing.TB, groups string) *bench {
	t.Helper()
	db := teststorage.New(t)
	b := &bench{t: t, db: db, at: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}
	b.eng = engine.New(engine.Options{Queryable: db, Appendable: db, Interval: every})
	f := rules.Parse("rules.yml", []byte("groups:\n- name: g\n  rules:\n"+groups))
	if len(f.Problems) > 0 {
		t.Fatal(f.Problems)
	}
	b.eng.Load(f.Groups, true)
	b.eng.Begin()
	b.opts = Options{Query: b.eng.Execute, Queryable: db}
	return b
}

// step stores samples, "name{labels} value" or stale, and evaluates.
func (b *bench) step(up bool, samples ...string) {
	b.t.Helper()
	b.at = b.at.Add(every)
	app := b.db.AppenderV2(b.t.Context())
	for _, s := range samples {
		i := strings.LastIndex(s, " ")
		ls, err := parser.NewParser(parser.Options{}).ParseMetric(s[:i])
		if err != nil {
			b.t.Fatal(err)
		}
		v := math.Float64frombits(value.StaleNaN)
		if s[i+1:] == "stale" {
		} else if _, err := fmt.Sscan(s[i+1:], &v); err != nil {
			b.t.Fatal(err)
		}
		if _, err := app.Append(0, ls, 0, b.at.UnixMilli(), v, nil, nil, storage.AOptions{}); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		b.t.Fatal(err)
	}
	b.eng.Step(b.t.Context(), engine.Tick{At: b.at, Up: up})
}

// explain explains the i-th rule.
func (b *bench) explain(i int) *api.Explanation {
	b.t.Helper()
	g := &b.eng.Snapshot().Groups[0]
	r := &g.Rules[i]
	in, ok := b.eng.Insight(r.Rule)
	if !ok {
		b.t.Fatal("the rule is not known")
	}
	b.opts.Now = b.at
	return Explain(b.t.Context(), g, r, in, b.opts)
}

// containers is what the tests look at.
var containers = []string{
	`containers{state="running"} 3`, `containers{state="paused"} 0`, `containers{state="stopped"} 7`,
	`disk_free{mount="/",disk="sda"} 12`, `disk_free{mount="/data",disk="sdb"} 40`,
	`disk_size{mount="/",disk="sda"} 100`, `disk_size{mount="/boot",disk="sda"} 200`,
	`other{mount="/x"} 1`,
}

func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct{ expr, want string }{
		"threshold, one":       {`disk_free < 20`, `Fires since 03:00:15 UTC: 1 series is below 20: disk_free{disk="sda",mount="/"} is 12.`},
		"threshold, two":       {`disk_free < 50`, `2 alerts fire, the first since 03:00:15 UTC: 2 series are below 50: disk_free{disk="sda",mount="/"} is 12, disk_free{disk="sdb",mount="/data"} is 40.`},
		"number on the left":   {`20 > disk_free`, `Fires since 03:00:15 UTC: 1 series is below 20: disk_free{disk="sda",mount="/"} is 12.`},
		"far":                  {`disk_free < 10`, `Does not fire: none of 2 series is below 10, the nearest is disk_free{disk="sda",mount="/"} with 12.`},
		"far, one series":      {`disk_free{mount="/"} < 10`, `Does not fire: the value is 12, not below 10.`},
		"equal":                {`containers == 4`, `Does not fire: none of 3 series is equal to 4, the nearest is containers{state="running"} with 3.`},
		"no such value":        {`containers{state="paus"} > 0`, `Does not fire: containers{state="paus"} matches no series: containers exists with 3 series, none has state="paus" (values: paused, running, stopped).`},
		"two matchers":         {`disk_free{mount="/",disk="sdb"} > 0`, `Does not fire: disk_free{mount="/",disk="sdb"} matches no series: disk_free exists with 2 series, 1 of them with mount="/", but none of these has disk="sdb" (value: sda).`},
		"no such label":        {`disk_free{mont="/"} > 0`, `Does not fire: disk_free{mont="/"} matches no series: disk_free exists with 2 series, none has mont="/" (no series has the label mont, did you mean mount?).`},
		"negative matcher":     {`other{mount!="/x"} > 0`, `Does not fire: other{mount!="/x"} matches no series: other exists with 1 series, none matches mount!="/x" (value: /x).`},
		"slip of the name":     {`disk_fre < 20`, `Does not fire: disk_fre matches no series: there is no metric disk_fre, did you mean disk_free?`},
		"unknown name":         {`qwertyuiop < 20`, `Does not fire: qwertyuiop matches no series: there is no metric qwertyuiop, and was none in the last day.`},
		"aggregation":          {`sum by (disk) (disk_free{mount="/d"}) < 20`, `Does not fire: disk_free{mount="/d"} matches no series: disk_free exists with 2 series, none has mount="/d" (values: /, /data).`},
		"and, right is empty":  {`disk_free < 20 and on(mount) disk_size > 500`, `Does not fire: the right side of and is empty, none of 2 series is above 500, the nearest is disk_size{disk="sda",mount="/boot"} with 200.`},
		"and, in a row":        {`disk_size > 0 and on(mount) disk_free{mount="/"} < 1 and on(mount) disk_size`, `Does not fire: the right side of and is empty, disk_free{disk="sda",mount="/"} is 12, not below 1.`},
		"and, no pairs":        {`disk_free > 20 and on(mount) disk_size`, `Does not fire: disk_free > 20 has 1 series and disk_size 2 series, but no two have equal labels (mount).`},
		"unless":               {`disk_free{mount="/"} unless on(mount) disk_size`, `Does not fire: each of the 1 series of disk_free{mount="/"} has a match in disk_size, and is left out by unless.`},
		"or":                   {`disk_free < 1 or disk_size < 1`, `Does not fire: none of 2 series is below 1, the nearest is disk_free{disk="sda",mount="/"} with 12; and none of 2 series is below 1, the nearest is disk_size{disk="sda",mount="/"} with 100.`},
		"division":             {`disk_free / on(mount) disk_size < 0.1`, `Does not fire: the value is 0.12, not below 0.1.`},
		"absent, there":        {`absent(other)`, `Does not fire: other is there, with 1 series.`},
		"absent, not there":    {`absent(containers{state="dead"})`, `Fires since 03:00:15 UTC: containers{state="dead"} matches no series: containers exists with 3 series, none has state="dead" (values: paused, running, stopped).`},
		"two samples":          {`rate(other[5m]) > 0`, `Does not fire: rate needs two samples at least, and no series of other[5m] has more than one yet.`},
		"always":               {`vector(1)`, `Fires since 03:00:15 UTC: the expression returns 1 series: {} is 1.`},
		"parentheses":          {`((disk_free) < (10 + 1))`, `Does not fire: none of 2 series is below 11, the nearest is disk_free{disk="sda",mount="/"} with 12.`},
		"in a subquery":        {`max_over_time(disk_free{mount="/d"}[10m:1m]) > 1`, `Does not fire: disk_free{mount="/d"} matches no series: disk_free exists with 2 series, none has mount="/d" (values: /, /data).`},
		"two vectors compared": {`disk_free > on(mount) disk_size`, `Does not fire: no series of disk_free is above its counterpart in disk_size, or none has one.`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "  - alert: A\n    expr: '"+c.expr+"'\n")
			b.step(true, containers...)
			if x := b.explain(0); x.Answer != c.want {
				t.Errorf("%s\n got: %s\nwant: %s", c.expr, x.Answer, c.want)
			}
		})
	}
}

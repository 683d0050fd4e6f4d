package main

import (
	"fmt"
	"time"
)

// sections are the tables of the report.
func (f form) sections() []section {
	return []section{
		{
			title: "Ordinary load",
			text: fmt.Sprintf("%d series, %d rules, a scrape and an evaluation every %s; all at once; %d times %s after %s, when every `for` is over. Memory is the median of the time watched. "+
				"CPU is user and system time for each scrape, with all that goes with it. Bytes written are the kernel's count for the process, for %d scrapes: an hour at 15 s.",
				f.series, f.rules, f.interval, f.windows, f.window, f.warmUp, cyclesPerHour),
			columns: []column{
				{measureRSS, "RSS", size}, {measureAnon, "anonymous RSS", size}, {measureTmpfs, "files on tmpfs", size},
				{measureCPU, "CPU a scrape", duration}, {measureWritten, "written an hour", size},
			},
		},
		{
			title: "From change to alert",
			text: fmt.Sprintf("%d series, %d rules in groups of %d, a scrape and an evaluation every %s. %d gauges rise at random moments within %s, each with a rule without `for` in another group. "+
				"The time from the scrape that brings the change to the POST at Alertmanager's API (mean and longest), and the whole from the change (mean), half an interval of waiting for the scrape included.",
				f.series, f.latencyRules, rulesPerGroup, f.latencyInterval, f.flips, f.latencySpan),
			columns: []column{
				{measureDelay, "scrape to POST", duration}, {measureDelayMax, "longest", duration}, {measureWhole, "change to POST", duration},
			},
		},
		{
			title: "Start",
			// The resend delay is short, as Debian's Prometheus drops what it has
			// to send before it has discovered its Alertmanagers.
			text: fmt.Sprintf("From the start of the process to its first evaluation, and to its first alert at Alertmanager, with what %s of %d series at 15 s leave in the head; "+
				"after SIGKILL, and after a clean stop. The interval is %s.", hours(f.restartHistory), f.restartSeries, f.restartInterval),
			columns: []column{
				{measureKilled, "SIGKILL: evaluation", duration}, {measureKilledAlert, "SIGKILL: alert", duration},
				{measureStop, "the stop", duration}, {measureStopped, "stop: evaluation", duration}, {measureStoppedAlert, "stop: alert", duration},
			},
		},
		{
			title: "Storm",
			text: fmt.Sprintf("%d alerts of one rule fire at once, beside the ordinary load, at an interval of %s: the time from the scrape to the POST of the last one, "+
				"CPU until then, how long the group's evaluation took, and the highest RSS. (Tocsin's ALERT_LIMIT is raised for it.)", f.storm, f.stormInterval),
			columns: []column{
				{measureStorm, "all delivered", duration}, {measureStormCPU, "CPU", duration}, {measureStormEval, "evaluation", duration}, {measureStormPeak, "peak RSS", size},
			},
		},
		{
			title:   "Binary",
			text:    "Without symbols and debug sections.",
			columns: []column{{measureBinary, "size", size}},
		},
	}
}

func (f form) curveText() string {
	company := ", one contestant at a time"
	if f.curveTogether {
		company = ", all at once"
	}
	return fmt.Sprintf("An interval of %s, watched for %s%s: %d rules over a growing number of series, and a growing number of rules over %d series. Both axes are logarithmic.",
		f.curveInterval, f.curveWindow, company, f.rules, f.curveRulesSeries)
}

// hours is a duration without empty parts.
func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}

// notes are what a reader should know before quoting a number.
func (f form) notes() []string {
	out := []string{
		"All run with their defaults but for the intervals, and scrape only the target: Prometheus and VictoriaMetrics do not scrape themselves, Tocsin stores its own metrics and evaluates its own alerts, as it comes.",
		"Files on tmpfs are memory that no RSS counts: Tocsin's samples with STORAGE_MODE=memory.",
		"VictoriaMetrics answers instant queries with what is at least 30 s old (its default, `-search.latencyOffset`), which is most of its time from change to POST; it takes its caches from the machine's memory (`-memory.allowedPercent`).",
		"A page of a file that is written again before it went to the disk is counted once: at a short interval fewer bytes are counted for each scrape than at 15 s. No run is long enough for the compaction of a block, every two hours.",
		"prometheus-3.16 is built from the Go module without service discoveries (`remove_all_sd`) and without the web interface's assets, which makes it smaller than the release.",
		"In the part on starts the resend delay is 1 s instead of 1 min. Prometheus 2.42 discovers its Alertmanager 5 s after its start and drops what it has to send until then; after a clean stop Tocsin has told Alertmanager how long its alerts stand, and sends them again only when that is due.",
		"A clean stop of Tocsin compacts its head into blocks, so that the next start has nothing to replay; the others leave that to the next start.",
		"The history of the start is written by remote write into the last 55 minutes, as many samples as the time named would have: the TSDB takes nothing older than that into a running head.",
	}
	if f.impatient {
		out = append(out, "The short form leaves VictoriaMetrics out where that half minute would be all there is to see.")
	}
	if f.interval < 15*time.Second {
		out = append(out, "In this form windows of the rules are as many scrapes long as at 15 s (`[5m]` is 20 scrapes), and memory is that of the first two minutes.")
	}
	return out
}

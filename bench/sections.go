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
			text: fmt.Sprintf("%d series, %d rules, a scrape and an evaluation every %s; all at once, beside the other parts of the run; %d times %s after %s, with %d scrapes of the past written before the first. Memory is the median of the time watched. "+
				"CPU is user and system time for each scrape, with all that goes with it. Bytes written are the kernel's count for the process, for %d scrapes: an hour at 15 s.",
				f.series, f.rules, f.interval, f.windows, f.window, f.warmUp, steadyPast, cyclesPerHour),
			columns: []column{
				{measureRSS, "RSS", size}, {measureAnon, "anonymous RSS", size}, {measureTmpfs, "files on tmpfs", size},
				{measureCPU, "CPU a scrape", duration}, {measureWritten, "written an hour", size},
			},
		},
		{
			title: "From change to alert",
			text: fmt.Sprintf("%d series, %d rules in groups of %d, a scrape and an evaluation every %s; all at once, started apart from each other. %d times, %d gauges rise at random moments within %s, each with a rule without `for` in another group. "+
				"The time from the scrape that brings the change, when its request comes to the target, to the POST at Alertmanager's API (mean and longest): more than from the scrape's commit, which nobody sees from outside, and the whole from the change (mean), half an interval of waiting for the scrape included.",
				f.series, f.latencyRules, rulesPerGroup, f.latencyInterval, f.latencyRounds, f.flips/f.latencyRounds, f.latencySpan),
			columns: []column{
				{measureDelay, "scrape to POST", duration}, {measureDelayMax, "longest", duration},
				{measureWhole, "change to POST", duration}, {measureWholeShare, "in intervals", ratio},
			},
		},
		{
			title: "Start",
			// The resend delay is short, as Debian's Prometheus drops what it has
			// to send before it has discovered its Alertmanagers.
			text: fmt.Sprintf("From the start of the process to its first evaluation, and to its first alert at Alertmanager, with what %s of %d series at 15 s leave in the head; "+
				"after SIGKILL, and after a clean stop. The interval is %s: a Prometheus waits for the turn of its group within it, which at long intervals is most of the time; Tocsin scrapes and evaluates at once. Each round begins with the same files. Written is the kernel's count for that history, until the SIGKILL %s after its end.", hours(f.restartHistory), f.restartSeries, f.restartInterval, f.restartRest),
			columns: []column{
				{measureFilled, "written a sample", size}, {measureKilled, "SIGKILL: evaluation", duration}, {measureKilledCPU, "CPU until then", duration}, {measureKilledAlert, "SIGKILL: alert", duration},
				{measureStop, "the stop", duration}, {measureStopped, "stop: evaluation", duration}, {measureStoppedCPU, "CPU until then", duration}, {measureStoppedAlert, "stop: alert", duration},
			},
		},
		{
			title: "Storm",
			text: fmt.Sprintf("%d alerts of one rule fire at once, beside the ordinary load, at an interval of %s: the time from the scrape to the POST of the last one, "+
				"CPU until then, how long the group's evaluation took, and the highest RSS. Behind the receiver is an Alertmanager: not delivered is what it does not know in the end. (Tocsin's ALERT_LIMIT is raised for the storm.)", f.storm, f.stormInterval),
			columns: []column{
				{measureStorm, "all delivered", duration}, {measureStormLost, "not delivered", percent}, {measureStormCPU, "CPU", duration}, {measureStormEval, "evaluation", duration}, {measureStormPeak, "peak RSS", size},
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
	return fmt.Sprintf("%d rules over a growing number of series; a growing number of rules over %d series; and both. An interval of %s, watched for %s, all at once; "+
		"an interval of %s with %d rules or %d series. With both only Tocsin is measured, as a cycle takes the others several intervals of CPU time (see the goals), and they would not come up; what the rules take of it is the difference to a process that has the same series and one rule that reads none, at the same time. %d scrapes of the past are written before the first. "+
		"A hollow point is a contestant that cannot keep up: its evaluations take longer than the interval, what it costs is not the whole, and it has no larger point.",
		f.rules, f.curveRulesSeries, f.curveInterval, f.curveWindow, realInterval, manyRules, manySeries, usualWindow)
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
		"All run with their defaults but for the intervals, and scrape only the target: Prometheus and VictoriaMetrics do not scrape themselves, Tocsin stores its own metrics and evaluates its own alerts, as it comes. tocsin-plan-off evaluates each rule by itself (`--engine.plan=off`).",
		"Files on tmpfs are memory that no RSS counts: Tocsin's samples with STORAGE_MODE=memory.",
		"VictoriaMetrics answers instant queries with what is at least 30 s old (its default, `-search.latencyOffset`), which is most of its time from change to POST; it takes its caches from the machine's memory (`-memory.allowedPercent`). It has no part in the storm.",
		"Written is counted once whatever fires does so, and nothing else changes. An alert costs Tocsin's journal up to 25 pages of 4 KiB from its beginning to its end; those that change with one scrape share most of them.",
		"A page of a file that is written again before it went to the disk is counted once: at a short interval fewer bytes are counted for each scrape than at 15 s.",
		"prometheus-3.16 is built from the Go module without service discoveries (`remove_all_sd`) and without the web interface's assets, which makes it smaller than the release.",
		"In the part on starts the resend delay is 1 s instead of 1 min. Prometheus 2.42 discovers its Alertmanager 5 s after its start and drops what it has to send until then; after a clean stop Tocsin has told Alertmanager how long its alerts stand, and sends them again only when that is due.",
		"A clean stop of Tocsin compacts its head into blocks, so that the next start has nothing to replay; the others leave that to the next start.",
		"A history is written by remote write, and reaches at most 55 minutes back, with as many samples as the time named would have: the TSDB takes nothing older than that into a running head.",
	}
	if total := f.warmUp + time.Duration(f.windows)*f.window; total < 3*time.Hour {
		out = append(out, "Chunks of the head are written about every half hour, blocks every two hours, and compacted after that: this form is too short for it, and the median of its times leaves out the one in which it may have happened. In the long form all that is in the bytes written an hour.")
	}
	if f.interval < realInterval {
		out = append(out, "In this form windows of the rules are as many scrapes long as at 15 s (`[5m]` is 20 scrapes).")
	}
	return out
}

// Package rules owns what the user wrote: it finds rule files, reads them and
// says what is wrong with them, at file:line:column and with all problems at
// once.
//
// The format and the verdict are Prometheus's (groups of alerting and recording
// rules, unknown fields refused). What differs is the price of a mistake:
//
//   - A bad rule is left out; the other rules of its group run.
//   - A bad group field (its name, interval, labels and so on) leaves out the
//     group, because its rules would run with a meaning that nobody wrote.
//   - A bad field beside `groups` is reported; the groups run.
//   - A file that is not YAML, or that is too large to be a rule file, yields
//     one problem and no groups.
//
// Nothing in here evaluates, waits or remembers: the result is a value that
// depends on the files alone.
package rules

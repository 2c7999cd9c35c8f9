package main

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const referenceFile = "../../docs/commands.md"

// The reference is what the commands say of themselves; -update rewrites it.
func TestReferenceIsCurrent(t *testing.T) {
	var done outcome
	e := &env{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, now: time.Now, getenv: func(string) string { return "" }}
	var b strings.Builder
	b.WriteString("# Commands\n\nMade from the help texts by `make docs`.\n")
	describe(&b, newRoot(e, &done))
	if *update {
		if err := os.WriteFile(referenceFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(old) != b.String() {
		t.Error("docs/commands.md is out of date: make docs")
	}
}

func describe(b *strings.Builder, cmd *cobra.Command) {
	if cmd.Name() == "help" || cmd.Name() == "completion" || cmd.Hidden {
		return
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(b, "\n## %s\n\n%s\n", cmd.CommandPath(), text)
	if cmd.Runnable() && cmd.HasParent() {
		fmt.Fprintf(b, "\n```\n%s\n```\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	}
	if cmd.Flags().HasFlags() && cmd.HasParent() {
		b.WriteString("\n| flag | meaning |\n|---|---|\n")
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" {
				return
			}
			name, text := pflag.UnquoteUsage(f)
			fmt.Fprintf(b, "| `--%s%s` | %s |\n", f.Name, strings.TrimRight(" "+name, " "), strings.ReplaceAll(text, "|", `\|`))
		})
	}
	for _, c := range cmd.Commands() {
		describe(b, c)
	}
}

// Every command has an example and a short text, and every flag says what it does.
func TestHelpIsComplete(t *testing.T) {
	var done outcome
	e := &env{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, now: time.Now, getenv: func(string) string { return "" }}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			return
		}
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s: no short text or no example", cmd.CommandPath())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: no text", cmd.CommandPath(), f.Name)
			}
		})
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(newRoot(e, &done))
}

// In a block of code a command is on a line of its own, behind a prompt or a pipe;
// in text it is in backticks.
var (
	inBlock = regexp.MustCompile(`(?:^ *|^\$ |\| )hallmark (.*)`)
	inText  = regexp.MustCompile("`hallmark ([^`]*)`")
)

// documented yields the commands of a page, but for synopses.
func documented(page string) iter.Seq[string] {
	return func(yield func(string) bool) {
		block := false
		for line := range strings.Lines(page) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "```") {
				block = !block
			}
			pattern := inText
			if block || strings.HasPrefix(line, "    ") {
				pattern = inBlock
			}
			for _, found := range pattern.FindAllStringSubmatch(line, -1) {
				if !strings.Contains(found[1], "[flags]") && !yield(found[1]) {
					return
				}
			}
		}
	}
}

// words splits a command as a shell does, up to a remark or an explanation beside it.
func words(command string) []string {
	command, _, _ = strings.Cut(command, "  ")
	command, _, _ = strings.Cut(command, " #")
	command, _, _ = strings.Cut(command, " > ")
	var list []string
	for i, quoted := range strings.Split(command, "'") {
		if i%2 == 1 {
			list = append(list, quoted)
		} else {
			list = append(list, strings.Fields(quoted)...)
		}
	}
	return list
}

// Every command that a page shows exists, with these flags and so many arguments.
func TestDocumentedCommandsExist(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	e := &env{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, now: time.Now, getenv: func(string) string { return "" }}
	count := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for command := range documented(string(text)) {
			var done outcome
			cmd, args, err := newRoot(e, &done).Find(words(command))
			if err == nil {
				err = cmd.ParseFlags(args)
			}
			if err == nil && cmd.HasParent() && cmd.Flags().NArg() > 0 {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err == nil && !cmd.HasParent() {
				err = errNoSuchCommand
			}
			if err != nil {
				t.Errorf("%s: hallmark %s: %v", page, command, err)
			}
			count++
		}
	}
	if count < 100 {
		t.Errorf("%d commands in the pages, want at least 100", count)
	}
}

var errNoSuchCommand = errors.New("there is no such command")

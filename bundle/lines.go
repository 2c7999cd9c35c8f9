package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Limits of a file of JSON lines (LM-1).
const (
	MaxLines     = 100_000  // lines of a file of JSON lines
	MaxLinesSize = 64 << 20 // bytes of a file of JSON lines
)

// ErrBlank is the reason why a line without text is no bundle.
var ErrBlank = errors.New("is blank")

// ParseLines reads bundles from JSON lines, one at a time. Each line gives a
// bundle or an error, in order, so that counting them numbers the lines; a blank
// line is the error ErrBlank, of check parse. A line of more than MaxSize bytes is
// an error of check limit, and the next line is read. After an error of check fs,
// MaxLines lines or MaxLinesSize bytes one more error is given, and nothing more is
// read. An empty reader yields nothing, which is no success either.
func ParseLines(r io.Reader) iter.Seq2[*Bundle, error] {
	return func(yield func(*Bundle, error) bool) {
		l := lineReader{r: bufio.NewReaderSize(r, 64<<10)}
		for n := 0; ; n++ {
			line, err := l.next(n)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, unreadable(err))
				return
			}
			if !yield(parseLine(line)) {
				return
			}
		}
	}
}

func parseLine(line []byte) (*Bundle, error) {
	if len(line) <= MaxSize && len(bytes.TrimLeft(line, " \t\r\n")) == 0 {
		return nil, &check.Error{Check: check.Parse, Rule: "LM-2", Err: ErrBlank}
	}
	return Parse(line)
}

// A lineReader reads one line after the other into one buffer.
type lineReader struct {
	r    *bufio.Reader
	line []byte // of at most MaxSize+2 bytes
	read int    // bytes of all lines
}

// next returns line n without its line break, valid until the next call, or io.EOF.
// Of a line that is too long, no more is returned than Parse needs to refuse it.
func (l *lineReader) next(n int) ([]byte, error) {
	l.line = l.line[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if l.read += len(part); l.read > MaxLinesSize {
			return nil, check.Refuse("LM-1", check.Limit, "ends after byte %d, want at most that many in a file of JSON lines", MaxLinesSize).WithNext("split the file")
		}
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		}
		l.keep(part)
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(l.line) == 0:
			return nil, io.EOF
		case !whole && err != io.EOF:
			return nil, err
		case n >= MaxLines:
			return nil, check.Refuse("LM-1", check.Limit, "is line %d, want at most %d in a file of JSON lines", n+1, MaxLines).WithNext("split the file")
		}
		return bytes.TrimSuffix(l.line, []byte("\r")), nil
	}
}

// keep adds to the line: no more than one byte over the limit, and a carriage return. A
// buffer that must grow grows once, to what any line needs, so that none is left behind.
func (l *lineReader) keep(part []byte) {
	const most = MaxSize + 2
	part = part[:min(len(part), most-len(l.line))]
	if n := len(l.line) + len(part); n > cap(l.line) && n > 1<<20 {
		l.line = append(make([]byte, 0, most), l.line...)
	}
	l.line = append(l.line, part...)
}

// IsDocument reports whether r holds one JSON value that takes several lines, as
// indented JSON does, and nothing else. Such a file is one document whatever its
// name says. It reads no further than it must to tell: a value that takes several
// lines and more than MaxSize bytes is a document too, one that Read refuses.
func IsDocument(r io.Reader) bool {
	b := &breaks{r: r}
	d := jsontext.NewDecoder(b, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := d.SkipValue(); err != nil || !b.before(d.InputOffset()) {
		return errors.Is(err, errLarge)
	}
	_, err := d.ReadToken()
	return err == io.EOF
}

// breaks remembers where the first line break after some text is.
type breaks struct {
	r     io.Reader
	read  int64
	text  bool  // some was read
	first int64 // bytes up to that line break and with it; 0: none yet
}

const maxFirstLine = 64 << 10 // bytes of the first line of indented JSON

var errLarge = errors.New("is larger than any document")

func (b *breaks) Read(p []byte) (int, error) {
	if b.first == 0 && b.read > maxFirstLine {
		return 0, io.ErrUnexpectedEOF
	}
	if b.read > MaxSize {
		return 0, errLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), MaxSize+1-b.read)])
	for i := 0; i < n && b.first == 0; i++ {
		if b.text && p[i] == '\n' {
			b.first = b.read + int64(i) + 1
		}
		b.text = b.text || !bytes.Contains([]byte(" \t\r\n"), p[i:i+1])
	}
	b.read += int64(n)
	return n, err
}

// before reports whether the line break is within the first end bytes.
func (b *breaks) before(end int64) bool { return b.first > 0 && b.first <= end }

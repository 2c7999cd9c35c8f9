package boundmap

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A declared constant may be a bound.
type declared struct {
	pkg, ident string
	where      string
	expr       ast.Expr
	comment    string
}

func (d *declared) name() string { return d.pkg + "." + d.ident }

// A source is what was found in it.
type source struct {
	constants []*declared
	all       map[string]ast.Expr // every constant, by name
	tests     map[string][]string // by name of the constant
	claimed   map[string]string   // tests that comments name, with the file
	functions map[string]bool     // tests that there are
}

// isBound says which names are those of bounds.
var isBound = regexp.MustCompile(`^[mM]ax([A-Z][A-Za-z0-9]*)?$`)

// inComment finds the line of a comment that says which bounds a test holds.
var inComment = regexp.MustCompile(`(?m)^Bounds of (Test\w+): (.*)\.$`)

// scan reads every Go file of the product below root, and its tests.
func scan(root string) (*source, error) {
	s := &source{all: map[string]ast.Expr{}, tests: map[string][]string{}, claimed: map[string]string{}, functions: map[string]bool{}}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && skipped(d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		return s.file(root, name)
	})
	if err != nil {
		return nil, err
	}
	for test, file := range s.claimed {
		if !s.functions[test] {
			return nil, fmt.Errorf("%s: there is no test %s", file, test)
		}
	}
	return s, nil
}

// skipped leaves out what is no product, and the fixtures.
func skipped(dir string) bool {
	return strings.HasPrefix(dir, ".") || strings.HasSuffix(dir, "test") && dir != "sigtest" ||
		slices.Contains([]string{"e2e", "tools", "testdata", "vectors", "removal", "sigtest", "specmap", "boundmap", "arch", "bin", "dist", "samples"}, dir)
}

func (s *source) file(root, name string) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	pkg := filepath.Base(filepath.Dir(name))
	isTest := strings.HasSuffix(name, "_test.go")
	for _, c := range file.Comments {
		if isTest {
			s.claim(pkg, name, c.Text())
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if isTest && d.Body != nil && strings.HasPrefix(d.Name.Name, "Test") {
				s.test(pkg, d)
			}
		case *ast.GenDecl:
			if d.Tok == token.CONST && !isTest {
				s.group(pkg, filepath.ToSlash(strings.TrimPrefix(name, root+string(filepath.Separator))), d)
			}
		}
	}
	return nil
}

// claim notes what a comment says about a test of its package.
func (s *source) claim(pkg, file, comment string) {
	for _, m := range inComment.FindAllStringSubmatch(comment, -1) {
		s.claimed[pkg+"."+m[1]] = file
		for _, name := range strings.Split(m[2], ", ") {
			s.note(pkg, name, m[1])
		}
	}
}

// note notes that a test of a package holds a bound.
func (s *source) note(pkg, name, test string) {
	if !strings.Contains(name, ".") {
		name = pkg + "." + name
	}
	s.tests[name] = append(s.tests[name], pkg+"."+test)
}

// group notes the constants of one declaration.
func (s *source) group(pkg, where string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		for i, id := range v.Names {
			if i >= len(v.Values) {
				continue
			}
			s.all[pkg+"."+id.Name] = v.Values[i]
			if isBound.MatchString(id.Name) {
				s.constants = append(s.constants, &declared{pkg, id.Name, filepath.ToSlash(where), v.Values[i], describe(id.Name, d, v)})
			}
		}
	}
}

// describe returns what a constant counts: what stands behind it, or the first
// sentence of a comment such as "maxX bounds the files of an archive."
func describe(name string, d *ast.GenDecl, v *ast.ValueSpec) string {
	if text := strings.TrimSpace(v.Comment.Text()); text != "" {
		return strings.TrimPrefix(text, "unit: ")
	}
	doc := v.Doc.Text()
	if !d.Lparen.IsValid() {
		doc = d.Doc.Text()
	}
	rest, ok := strings.CutPrefix(strings.ReplaceAll(doc, "\n", " "), name+" bounds ")
	if !ok {
		return ""
	}
	return regexp.MustCompile(`[.:;(].*`).ReplaceAllString(strings.TrimSpace(rest), "")
}

// test notes which bounds a test names.
func (s *source) test(pkg string, f *ast.FuncDecl) {
	s.functions[pkg+"."+f.Name.Name] = true
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && isBound.MatchString(n.Sel.Name) {
				s.note(pkg, x.Name+"."+n.Sel.Name, f.Name.Name)
			}
			return false
		case *ast.Ident:
			if isBound.MatchString(n.Name) {
				s.note(pkg, n.Name, f.Name.Name)
			}
		}
		return true
	})
}

// value writes what a constant is: bytes in the largest unit that they are a whole
// number of, other numbers in groups of three digits, times as they stand there.
func (s *source) value(c *declared) string {
	v := s.eval(c.pkg, c.expr)
	n, exact := constant.Int64Val(v)
	switch {
	case v.Kind() != constant.Int || !exact:
		return strings.ReplaceAll(text(c.expr), "time.", "")
	case !strings.HasPrefix(c.comment, "bytes"):
		return grouped(n)
	case n >= 1<<30 && n%(1<<30) == 0:
		return grouped(n>>30) + " Gi"
	case n >= 1<<20 && n%(1<<20) == 0:
		return grouped(n>>20) + " Mi"
	case n >= 1<<10 && n%(1<<10) == 0:
		return grouped(n>>10) + " Ki"
	}
	return grouped(n)
}

// eval computes an expression of constants; what it can't compute is unknown.
func (s *source) eval(pkg string, e ast.Expr) constant.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.ParenExpr:
		return s.eval(pkg, e.X)
	case *ast.Ident:
		return s.known(pkg + "." + e.Name)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return s.known(x.Name + "." + e.Sel.Name)
		}
	case *ast.BinaryExpr:
		x, y := s.eval(pkg, e.X), s.eval(pkg, e.Y)
		if x.Kind() != constant.Int || y.Kind() != constant.Int {
			return constant.MakeUnknown()
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, token.SHL, uint(n))
		}
		return constant.BinaryOp(x, e.Op, y)
	}
	return constant.MakeUnknown()
}

func (s *source) known(name string) constant.Value {
	e, ok := s.all[name]
	if !ok {
		return constant.MakeUnknown()
	}
	pkg, _, _ := strings.Cut(name, ".")
	return s.eval(pkg, e)
}

// text writes a product such as 10 * time.Second.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Value
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.BinaryExpr:
		return text(e.X) + " " + e.Op.String() + " " + text(e.Y)
	}
	return "?"
}

// grouped writes a number in groups of three digits.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

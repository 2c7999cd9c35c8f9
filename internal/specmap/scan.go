package specmap

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A finding maps rules to names of functions.
type finding struct {
	functions, tests map[string]map[string]bool
	declared         map[string]bool // every function: package.Function
}

var (
	// inText finds ids such as "WN-4" in names of subtests and tables.
	inText = regexp.MustCompile(`\b(LM|BP|TM|CC|CT|ID|R1|R2|WN|EB|TS|TT|TR|ER|OI)-(\d+)\b`)
	// inName finds ids such as WN4 or R1_4 at the start of names of tests.
	inName = regexp.MustCompile(`^(?:Test|Fuzz|Example)_?(?:(LM|BP|TM|CC|CT|ID|WN|EB|TS|TT|TR|ER|OI)_?(\d+)|(R1|R2)_(\d+))(?:_|$|[A-Z])`)
)

// scan reads every Go file of the module that root holds.
func scan(root string) (*finding, error) {
	found := &finding{functions: map[string]map[string]bool{}, tests: map[string]map[string]bool{}, declared: map[string]bool{}}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(root, name, d.Name())
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return found.file(name, path.Base(filepath.ToSlash(filepath.Dir(rel))))
	})
	return found, err
}

// skip leaves out what is no product: other modules, and the fixtures, which the
// map lists by themselves.
func skip(root, name, base string) error {
	if name == root {
		return nil
	}
	if strings.HasPrefix(base, ".") || slices.Contains([]string{"e2e", "tools", "logupload", "testdata", "vectors", "removal"}, base) {
		return filepath.SkipDir
	}
	return nil
}

func (f *finding) file(name, pkg string) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	isTest := strings.HasSuffix(name, "_test.go")
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		where := pkg + "." + strings.TrimSuffix(filepath.Base(name), ".go")
		if ok {
			where = pkg + "." + fn.Name.Name
			f.declared[where] = true
			if m := inName.FindStringSubmatch(fn.Name.Name); m != nil && isTest {
				note(f.tests, m[1]+m[3]+"-"+m[2]+m[4], where)
			}
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if isTest {
				f.literal(n, where)
			} else {
				f.refusal(n, where)
			}
			return true
		})
	}
	return nil
}

// refusal notes the rule of check.Refuse("RULE", ...).
func (f *finding) refusal(n ast.Node, where string) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return
	}
	fn, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || fn.Sel.Name != "Refuse" {
		return
	}
	note(f.functions, text(call.Args[0]), where)
}

// literal notes every id in a string of a test.
func (f *finding) literal(n ast.Node, where string) {
	e, ok := n.(*ast.BasicLit)
	if !ok || e.Kind != token.STRING {
		return
	}
	for _, m := range inText.FindAllStringSubmatch(text(e), -1) {
		note(f.tests, m[1]+"-"+m[2], where)
	}
}

func text(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	s, err := strconv.Unquote(l.Value)
	if err != nil {
		return ""
	}
	return s
}

func note(m map[string]map[string]bool, id, where string) {
	if m[id] == nil {
		m[id] = map[string]bool{}
	}
	m[id][where] = true
}

package removal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// An edit inserts text into a file.
type edit struct {
	at   int
	text string
}

// A rewriter goes through one file.
type rewriter struct {
	name  string
	fset  *token.FileSet
	src   []byte
	first int
	sites []Site
	edits []edit
	stack []ast.Node
}

// rewriteFile makes the refusals of a file removable. Numbers start at first.
func rewriteFile(name string, src []byte, first int) ([]byte, []Site, error) {
	r := &rewriter{name: name, fset: token.NewFileSet(), src: src, first: first}
	file, err := parser.ParseFile(r.fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			r.stack = r.stack[:len(r.stack)-1]
			return true
		}
		r.stack = append(r.stack, n)
		if call, ok := n.(*ast.CallExpr); ok && isRefuse(call) {
			r.site(call)
		}
		return true
	})
	slices.SortStableFunc(r.edits, func(a, b edit) int { return a.at - b.at })
	var out []byte
	at := 0
	for _, e := range r.edits {
		out = append(append(out, src[at:e.at]...), e.text...)
		at = e.at
	}
	return append(out, src[at:]...), r.sites, nil
}

// isRefuse reports whether a call is check.Refuse.
func isRefuse(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "Refuse" {
		return false
	}
	pkg, ok := f.X.(*ast.Ident)
	return ok && pkg.Name == "check"
}

// site makes one refusal removable: by the condition of the if whose body it is
// in, or by a return without error before it.
func (r *rewriter) site(call *ast.CallExpr) {
	n := r.first + len(r.sites)
	s := Site{
		N: n, Where: fmt.Sprintf("%s:%d", r.name, r.fset.Position(call.Pos()).Line),
		Rule: literal(call.Args[0]), Check: r.text(call.Args[1]), Text: literal(call.Args[2]), Func: r.function(),
	}
	for i := len(r.stack) - 1; i > 0; i-- {
		stmt, ok := r.stack[i].(ast.Stmt)
		if !ok {
			continue
		}
		if block, ok := r.stack[i-1].(*ast.BlockStmt); ok && i > 1 {
			if cond, ok := r.stack[i-2].(*ast.IfStmt); ok && cond.Body == block {
				r.insert(cond.Cond.Pos(), "(")
				r.insert(cond.Cond.End(), fmt.Sprintf(") && !check.Removed(%d)", n))
				r.sites = append(r.sites, s)
				return
			}
		}
		if ret, ok := stmt.(*ast.ReturnStmt); ok {
			var kept []string
			for _, e := range ret.Results[:len(ret.Results)-1] {
				kept = append(kept, r.text(e))
			}
			r.insert(ret.Pos(), fmt.Sprintf("if check.Removed(%d) { return %s }; ", n, strings.Join(append(kept, "nil"), ", ")))
			r.sites = append(r.sites, s)
			return
		}
		break
	}
	s.Fixed = true
	r.sites = append(r.sites, s)
}

func (r *rewriter) insert(at token.Pos, text string) {
	r.edits = append(r.edits, edit{r.fset.Position(at).Offset, text})
}

func (r *rewriter) text(n ast.Node) string {
	return string(r.src[r.fset.Position(n.Pos()).Offset:r.fset.Position(n.End()).Offset])
}

// function names the function around, with its receiver.
func (r *rewriter) function() string {
	for _, n := range r.stack {
		f, ok := n.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if f.Recv == nil {
			return f.Name.Name
		}
		return "(" + r.text(f.Recv.List[0].Type) + ")." + f.Name.Name
	}
	return ""
}

func literal(e ast.Expr) string {
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

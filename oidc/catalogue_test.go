package oidc

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// rows says for each row of the groups L (login) and M (secrets) of the catalogue
// of bad inputs in which files its tests are.
var rows = map[string][]string{
	"callback_test.go":  {"L1", "L2", "L3", "L4", "L21", "L22", "L23", "L24", "L25", "L26", "L27", "L28", "L29", "L30", "L31", "L32"},
	"login_test.go":     {"L5", "L6", "L7", "L8", "L9", "L10", "L11", "L13", "L18", "L19", "L20", "L41"},
	"parse_test.go":     {"L12", "L14", "L15", "L16", "L17", "L42"},
	"open_test.go":      {"L33", "L34", "M8"},
	"device_test.go":    {"L35", "L36"},
	"paste_test.go":     {"L37"},
	"ambient_test.go":   {"L38", "L39", "M3"},
	"tokenfile_test.go": {"L40"},
	"op_test.go":        {"M2", "M15"},

	"../cmd/hallmark/testdata/script/login.txtar": {"L40", "M1", "M12", "M16"},
	"../cmd/hallmark/main_test.go":                {"M4"},
	"../internal/fetch/client_test.go":            {"M5", "M6", "M7", "M17", "M18"},
	"../oci/authfiles_test.go":                    {"M9", "M13"},
	"../sign/sign_test.go":                        {"M14"},
	"../e2e/login/secrets_test.go":                {"M5", "M7", "M8", "M11", "M15", "M17"},
	"../e2e/login/stranger_test.go":               {"L1", "L4", "L21", "L24", "L25", "L26", "L30", "L31"},
	"../e2e/login/sign_test.go":                   {"L26", "L27", "L28"},
	"../e2e/login/paste_test.go":                  {"L37"},
	"impersonate_test.go":                         {"L39", "M3"},

	// No token is ever stored, which is M11; what is kept of a login is in the agent.
	"../agent/agent_test.go": {"M10"},
}

// TestCatalogue_EveryRowHasATest finds the name of each row in the files that are
// said to test it.
func TestCatalogue_EveryRowHasATest(t *testing.T) {
	named := map[string]bool{}
	for file, list := range rows {
		data, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range list {
			named[row] = true
			name := regexp.MustCompile(`(^|[^A-Za-z0-9]|Test)` + row + `([^A-Za-z0-9]|$)`)
			if !name.Match(data) {
				t.Errorf("%s: no test names %s", file, row)
			}
		}
	}
	for group, n := range map[string]int{"L": 42, "M": 18} {
		for i := range n {
			if row := group + strconv.Itoa(i+1); !named[row] {
				t.Errorf("%s is in no file", row)
			}
		}
	}
	if len(named) != 60 {
		t.Errorf("%d rows, want 60", len(named))
	}
}

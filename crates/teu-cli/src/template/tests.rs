//! What users write, and what Go makes of it.

use super::*;
use serde_json::json;

#[track_caller]
fn check(template: &str, expected: &str) {
    let data = json!({
        "Name": "/web", "N": 3, "F": 1.5, "On": true, "Empty": "", "None": null, "Binds": null,
        "List": ["a", "b"], "Map": {"x.y": "dotted", "z": {"IP": "1.2.3.4"}}, "Labels": {"k": "v"},
        "Label": {"com.x": "y"}, "State": {"Pid": 42, "Running": false}
    });
    let got = Template::parse(template).and_then(|template| template.render(&data));
    let got = got.unwrap_or_else(|error| error);
    assert!(
        got == expected || (expected.starts_with('~') && got.contains(&expected[1..])),
        "{template}: {got}"
    );
}

#[test]
fn values() {
    check("{{.Name}} {{ .State.Pid }}", "/web 42");
    check("{{json .List}}", "[\"a\",\"b\"]");
    check("{{.List}} {{.State}}", "[a b] map[Pid:42 Running:false]");
    check("{{.None}}", "<no value>");
    check("{{.Binds}}", "[]");
    check("{{.Labels.k}} {{.Labels.gone}} {{.Labels.gone.more}}", "v <no value> <no value>");
    check("{{.Label \"com.x\"}}{{.Label \"none\"}}", "y");
    check("{{index .Map \"x.y\"}}{{index .List 1}}", "dottedb");
    check("{{(index .Map \"z\").IP}}", "1.2.3.4");
    check("{{with $x := index .Map \"z\"}}{{$x.IP}}{{end}}", "1.2.3.4");
    check("{{$x := .N}}{{$x = 4}}{{$x}}", "4");
    check("{{/* nothing */}}x{{- /* nothing */ -}} y", "xy");
    check("{{\"{{\"}} {{`}}`}}", "{{ }}");
    check("{{1.0}} {{.F}} {{0x10}} {{'a'}}", "1 1.5 16 97");
}

#[test]
fn blocks() {
    check("{{if .State.Running}}up{{else}}down{{end}}", "down");
    check("{{if eq .N 3}}three{{end}}", "three");
    check("{{if .Empty}}1{{else if .On}}2{{else}}3{{end}}", "2");
    check("{{if .Empty}}1{{else if .Empty}}2{{else}}3{{end}}", "3");
    check("{{range .List}}<{{.}}>{{end}}", "<a><b>");
    check("{{range $i, $v := .List}}{{$i}}={{$v}} {{end}}", "0=a 1=b ");
    check("{{range $k, $v := .Map}}{{$k}} {{end}}", "x.y z ");
    check("{{range .Binds}}x{{else}}none{{end}}", "none");
    check("{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{$.N}}{{end}}", "a3");
    check("{{range .List}}{{.}}{{break}}{{end}}", "a");
    check("{{range 3}}{{.}}{{end}}", "012");
    check("{{with .Name}}{{.}}{{else}}none{{end}}", "/web");
    check("{{with .Empty}}{{.}}{{else}}none{{end}}", "none");
    check("a {{- .N -}} b", "a3b");
    check("a{{if .On}}\n{{- end}}b", "ab");
}

#[test]
fn calls() {
    check("{{.Name | upper}} {{len .List}} {{join .List \",\"}}", "/WEB 2 a,b");
    check("{{join (split \"a/b\" \"/\") \"-\" | printf \"<%5s>\"}}", "<  a-b>");
    check(
        "{{title \"hello big world\"}} {{pad \"x\" 1 2}}|{{truncate \"abcdef\" 3}}",
        "Hello Big World  x  |abc",
    );
    check("{{slice .Name 1}} {{slice .Name 1 2}} {{slice .List 1}}", "web w [b]");
    check(
        "{{print 1 2 \"a\" \"b\" 3}} {{println \"x\" 1}}",
        "1 2a b3 x 1\n".replace("a b", "ab").as_str(),
    );
    check(
        "{{printf \"%d %05d %-4s| %q %v %t %x %.2f %%\" .N .N .Name .Name .List .On 255 .F}}",
        "3 00003 /web| \"/web\" [a b] true ff 1.50 %",
    );
    check("{{printf \"%d\" .Name}} {{printf \"%s\"}}", "%!d(string=/web) %!s(MISSING)");
    check(
        "{{html \"<a&b>\"}} {{js \"a'b\"}} {{urlquery \"a b&c\"}}",
        "&lt;a&amp;b&gt; a\\'b a+b%26c",
    );
    check("{{and .On .N}} {{or .Empty .Name}} {{not .On}} {{and .Empty .Gone}}", "3 /web false ");
    check(
        "{{eq .N 1 2 3}} {{ne .N 3}} {{lt 1 2}} {{le \"a\" \"a\"}} {{gt 1.5 1}} {{ge 1 2}}",
        "true false true true true false",
    );
    check("{{and (eq .N 3) (or .Empty .On)}}", "true");
}

#[test]
fn mistakes_in_gos_words() {
    check(
        "{{.Gone}}",
        "template: :1:2: executing \"\" at <.Gone>: map has no entry for key \"Gone\"",
    );
    check(
        "{{.State.Gone}}",
        "template: :1:8: executing \"\" at <.State.Gone>: map has no entry for key \"Gone\"",
    );
    check("{{.Name", "template: :1: unclosed action");
    check("{{if .On}}", "template: :1: unexpected EOF");
    check("{{end}}", "template: :1: unexpected {{end}}");
    check("{{frob .Name}}", "template: :1: function \"frob\" not defined");
    check("{{.Name.More}}", "~can't evaluate field More in type string");
    check("{{}}", "template: :1: missing value for command");
    check("{{|}}", "template: :1: missing value for command");
    check("{{.Name | }}", "template: :1: missing value for command");
    check("{{if}}x{{end}}", "template: :1: missing value for if");
    check("{{\"a", "template: :1: unterminated quoted string");
    check("{{$x}}", "template: :1: undefined variable \"$x\"");
    check("{{(.Name}}", "template: :1: unclosed left paren");
    check("{{.Name)}}", "template: :1: unexpected right paren");
    check("{{/* x }}", "template: :1: unclosed comment");
    check("{{define \"x\"}}{{end}}", "~{{define}} is not to be had here");
    check("{{break}}", "template: :1: {{break}} outside {{range}}");
    check("{{index .List 9}}", "~error calling index: index out of range: 9");
    check("{{index .List 2}}", "~error calling index: reflect: slice index out of range");
    check("{{eq .N \"3\"}}", "~error calling eq: incompatible types for comparison");
    check("{{lower .N}}", "~error calling lower: wrong type for value; expected string; got int");
    check("{{.N 1}}", "~can't give argument to non-function .N");
    check("{{len}}", "~wrong number of args for len: want 1 got 0");
    check("{{range .N2}}{{end}}", "~no entry for key \"N2\"");
    check("{{range .Name}}{{end}}", "~range can't iterate over /web");
    check("{{@}}", "template: :1: unexpected bad character U+0040 '@' in command");
    check(&"{{if .On}}".repeat(100), "~nested too deeply");
    check(&format!("{{{{{}}}}}", "(".repeat(100)), "~nested too deeply");
    check(&"x".repeat(70 << 10), "~longer than 64 KiB");
}

#[test]
fn nothing_makes_it_panic() {
    let pieces = [
        "{{",
        "}}",
        "-",
        " ",
        "\"",
        "`",
        "'",
        "(",
        ")",
        "|",
        ".",
        "$",
        "x",
        ".A",
        "if ",
        "else",
        "end",
        "range ",
        ":=",
        ",",
        "/*",
        "*/",
        "ä",
        "\n",
        "9",
        "printf \"%",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit as u64).unwrap()
    };
    for _ in 0..20_000 {
        let text: String = (0..next(9) + 1).map(|_| pieces[next(pieces.len())]).collect();
        if let Ok(template) = Template::parse(&text) {
            drop(template.render(&json!({"A": {"A": [1]}})));
        }
    }
}

#[test]
fn lists() {
    let rows = [json!({"ID": "1", "Names": "a"}), json!({"ID": "22", "Names": "b"})];
    let heads = json!({"ID": "CONTAINER ID", "Names": "NAMES"});
    let of = |format: &str| list(format, &rows, &heads);
    assert_eq!(of("{{.ID}}:{{.Names}}"), Ok(Some("1:a\n22:b\n".into())));
    assert_eq!(
        of("table {{.ID}}\\t{{upper .Names}}").unwrap().unwrap(),
        "CONTAINER ID   NAMES\n1              A\n22             B\n"
    );
    assert_eq!(of("json").unwrap().unwrap().lines().count(), 2);
    assert_eq!(of("table"), Ok(None));
    assert!(
        of("{{.Gone}}").unwrap_err().starts_with("failed to execute template: template: :1:2:")
    );
}

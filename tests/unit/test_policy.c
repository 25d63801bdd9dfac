#include "tests/unit/request_words.h"

#include "broker/lease.h"
#include "broker/policy.h"

static struct policy policy; /* large */
static struct policy_mark mark;
static struct error err;

static int
read_rules (const char *text)
{
    json_t *list = parse (text);
    int r = policy_parse (&policy, list, &err);

    json_decref (list);
    return r;
}

static void
rules (const char *text)
{
    if (read_rules (text) < 0)
        fail_msg ("%s: %s", text, err.message);
}

static void
assert_mistake (const char *text, const char *words)
{
    assert_int_equal (read_rules (text), -1);
    assert_contains (err.message, words);
    assert_int_equal (policy.n, 0);
}

static const struct container frigate = {.id = "id-of-frigate",
                                         .name = "frigate",
                                         .image = "ghcr.io/blakeblackshear/frigate:stable",
                                         .engine = "docker",
                                         .project = "home",
                                         .service = "nvr"};

static struct request asked;

static int
apply (const char *text, uid_t asker)
{
    asked = request (text);
    memset (&mark, 0xaa, sizeof mark);
    return policy_apply (&policy, asker, &frigate, &asked, &mark, &err);
}

static void
assert_denied (const char *text, const char *words)
{
    struct request before = request (text);
    struct policy_mark untouched;

    memset (&untouched, 0xaa, sizeof untouched);
    assert_int_equal (apply (text, 0), -1);
    assert_contains (err.message, words);
    assert_memory_equal (&asked, &before, sizeof asked);
    assert_memory_equal (&mark, &untouched, sizeof mark);
}

/* --- whom a rule means --- */

static bool
means (const char *who, uid_t asker, const struct container *c)
{
    char text[512];

    (void) snprintf (text, sizeof text, "[{'who': %s, 'name': 'it'}]", who);
    rules (text);
    asked = request ("");
    assert_ok (policy_apply (&policy, asker, c, &asked, &mark, &err));
    return strcmp (mark.rule, "rule 1 (it)") == 0;
}

static void
a_rule_means_whom_all_its_members_fit (void **state)
{
    (void) state;
    assert_true (means ("{}", 0, &frigate));
    assert_true (means ("{'container': 'frigate'}", 0, &frigate));
    assert_true (means ("{'container': ['x', 'fri*']}", 0, &frigate));
    assert_false (means ("{'container': ['x', 'y']}", 0, &frigate));
    assert_false (means ("{'container': 'frigat'}", 0, &frigate));
    assert_false (means ("{'container': 'rigate'}", 0, &frigate));
    assert_true (means ("{'project': 'home', 'service': 'nv?', 'engine': 'docker'}", 0, &frigate));
    assert_false (means ("{'project': 'home', 'service': 'web'}", 0, &frigate));
    assert_true (means ("{'user': 0}", 0, &frigate));
    assert_false (means ("{'user': 0}", 1000, &frigate));
    assert_true (means ("{'user': [1, 1000]}", 1000, &frigate));
    assert_false (means ("{'user': 1000, 'project': 'other'}", 1000, &frigate));
}

static void
stars_and_question_marks_stand_for_texts_and_characters (void **state)
{
    static const struct {
        const char *pattern, *name;
        bool fits;
    } table[] = {
        {"*", "x", true},
        {"*", "", false},
        {"?", "ab", false},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "a-b-b-d", false},
        {"*-gpu", "a-gpu-gpu", true},
        {"**", "x", true},
        {"a?c*", "abc", true},
        {"[a]", "a", false},
        {"[a]", "[a]", true},
        {"a", "A", false},
    };

    (void) state;
    for (size_t i = 0; i < countof (table); i++) {
        struct container c = {.id = "x"};
        char who[64];

        (void) snprintf (c.name, sizeof c.name, "%s", table[i].name);
        (void) snprintf (who, sizeof who, "{'container': '%s'}", table[i].pattern);
        if (means (who, 0, &c) != table[i].fits)
            fail_msg ("%s and %s", table[i].pattern, table[i].name);
    }
}

/* A name of many a's against a*a*a*…b: with backtracking over every star it would not end.  */
static void
a_pattern_takes_no_time_to_speak_of (void **state)
{
    struct container c = {.id = "x"};

    (void) state;
    memset (c.name, 'a', sizeof c.name - 1);
    assert_false (means ("{'container': 'a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b'}", 0, &c));
}

static void
an_image_is_known_by_each_of_its_names (void **state)
{
    static const struct {
        const char *pattern, *image;
        bool fits;
    } table[] = {
        {"ghcr.io/x/frigate", "ghcr.io/x/frigate:stable", true},
        {"ghcr.io/x/frigate:stable", "ghcr.io/x/frigate:stable", true},
        {"ghcr.io/x/frigate:beta", "ghcr.io/x/frigate:stable", false},
        {"jellyfin/jellyfin", "docker.io/jellyfin/jellyfin:10", true},
        {"docker.io/jellyfin/jellyfin", "docker.io/jellyfin/jellyfin:10", true},
        {"nginx", "docker.io/library/nginx", true},
        {"nginx", "nginx@sha256:0123", true},
        {"nginx", "nginx:1@sha256:0123", true},
        {"reg:5000/nginx", "reg:5000/nginx", true},
        {"reg", "reg:5000/nginx", false},
        {"nginx", "evil.example/nginx", false},
        {"lscr.io/*", "lscr.io/linuxserver/jellyfin:latest", true},
    };

    (void) state;
    for (size_t i = 0; i < countof (table); i++) {
        struct container c = {.id = "x"};
        char who[96];

        (void) snprintf (c.image, sizeof c.image, "%s", table[i].image);
        (void) snprintf (who, sizeof who, "{'image': '%s'}", table[i].pattern);
        if (means (who, 0, &c) != table[i].fits)
            fail_msg ("%s and %s", table[i].pattern, table[i].image);
    }
}

static void
the_first_rule_that_fits_decides (void **state)
{
    (void) state;
    rules ("[{'who': {'project': 'other'}, 'allow': false}, {'who': {'project': 'home'}},"
           " {'allow': false}]");
    assert_ok (apply ("access=exclusive", 0));
    assert_string_equal (mark.rule, "rule 2 (project home)");
    rules ("[{'allow': false}, {'who': {'project': 'home'}}]");
    assert_denied ("", "container frigate may have no GPU, says rule 1 (everybody else) of "
                       "/etc/dri-broker/config.json: ask for less, or change the rule, then systemctl "
                       "reload dri-broker");
}

static void
a_role_tells_containers_apart_that_nothing_else_does (void **state)
{
    (void) state;
    rules ("[{'who': {'role': 'cam*'}}, {'allow': {'access': 'shared'}}]");
    assert_ok (apply ("role=camera access=exclusive", 0));
    assert_string_equal (mark.rule, "rule 1 (role cam*)");
    assert_denied ("role=nas access=exclusive", "rule 2");
    assert_denied ("access=exclusive", "rule 2");
}

static void
without_a_rule_nothing_changes (void **state)
{
    static const struct policy_mark none;
    struct request before = request ("access=exclusive slots=1000 wait=60s owner=host");

    (void) state;
    rules ("[]");
    assert_ok (apply ("access=exclusive slots=1000 wait=60s owner=host", 1000));
    assert_memory_equal (&asked, &before, sizeof asked);
    assert_memory_equal (&mark, &none, sizeof mark);
    rules ("[{'who': {'user': 7}, 'allow': false}]");
    assert_ok (apply ("access=exclusive slots=1000 wait=60s owner=host", 1000));
    assert_memory_equal (&asked, &before, sizeof asked);
    assert_memory_equal (&mark, &none, sizeof mark);
}

/* --- what it may have --- */

static void
what_is_not_allowed_is_refused_with_what_is (void **state)
{
    (void) state;
    rules ("[{'who': {'project': 'home'}, 'allow': {'access': ['shared', 'monitor'],"
           " 'class': ['interactive', 'batch'], 'nodes': 'render', 'ready': ['auto', 'vaapi'],"
           " 'on-failure': ['fail', 'defer'], 'owner': ['auto', 'UID:GID']}}]");
    assert_denied ("access=exclusive",
                   "container frigate asks for dri.access=exclusive; rule 1 (project home) of "
                   "/etc/dri-broker/config.json allows shared or monitor only: ask for less, or change");
    assert_denied ("class=realtime", "dri.class=realtime; rule 1 (project home) of "
                                     "/etc/dri-broker/config.json allows interactive or batch only");
    assert_denied ("nodes=render,card", "dri.nodes=render,card");
    assert_denied ("ready=off", "allows auto or vaapi only");
    assert_denied ("on-failure=start-without", "allows fail or defer only");
    assert_denied ("owner=host", "allows auto or UID:GID only");
    assert_ok (apply ("access=monitor class=batch nodes=render ready=vaapi on-failure=defer owner=1:2", 0));
    assert_ok (apply ("", 0));
    assert_int_equal (apply ("access=exclusive", 1000), -1);
    assert_contains (err.message, "ask for less, or have root change the rule");
}

static void
who_says_nothing_gets_the_defaults_and_who_does_keeps_his_own (void **state)
{
    (void) state;
    rules ("[{'default': {'class': 'batch', 'share': '40%', 'slots': 2, 'gpu': 'igpu', 'wait': '0s',"
           " 'access': 'exclusive', 'nodes': 'render,card', 'on-failure': 'start-without', 'ready': 'off',"
           " 'require': 'vpp', 'owner': '1:2'}}]");
    assert_ok (apply ("", 0));
    assert_int_equal (asked.class, CLASS_BATCH);
    assert_int_equal (asked.share, 40);
    assert_int_equal (asked.slots, 2);
    assert_string_equal (asked.selectors[0].text, "igpu");
    assert_int_equal (asked.wait_ms, 0);
    assert_int_equal (asked.access, ACCESS_EXCLUSIVE);
    assert_true (asked.card);
    assert_int_equal (asked.on_failure, FAILURE_START_WITHOUT);
    assert_int_equal (asked.ready, READY_OFF);
    assert_string_equal (asked.text[KEY_REQUIRE], "vpp");
    assert_int_equal (asked.owner.gid, 2);
    assert_int_equal (asked.source[KEY_CLASS], SOURCE_POLICY);
    assert_contains (mark.changes, "dri.class=batch by default");
    assert_ok (apply ("class=interactive share=90%", 0));
    assert_int_equal (asked.class, CLASS_INTERACTIVE);
    assert_int_equal (asked.source[KEY_CLASS], SOURCE_LABEL);
    assert_int_equal (asked.share, 90);
    assert_null (strstr (mark.changes, "dri.class"));
}

static void
maxima_lower_share_and_wait_and_refuse_slots (void **state)
{
    (void) state;
    rules ("[{'max': {'slots': 2, 'share': '60%', 'wait': '5s'}}]");
    assert_ok (apply ("slots=2", 0));
    assert_int_equal (asked.share, 60); /* none is more than any */
    assert_int_equal (asked.wait_ms, 5000);
    assert_string_equal (mark.changes,
                         "dri.share=60%, the most it may have; dri.wait=5000ms, the most it may have");
    assert_ok (apply ("share=50% wait=1s", 0));
    assert_int_equal (asked.share, 50);
    assert_int_equal (asked.wait_ms, 1000);
    assert_string_equal (mark.changes, "");
    assert_ok (apply ("share=61%", 0));
    assert_int_equal (asked.share, 60);
    assert_denied ("slots=3", "asks for dri.slots=3; rule 1 (everybody else) of /etc/dri-broker/config.json "
                              "allows 2 at most");
    rules ("[{'max': {'wait': '0s'}}]");
    assert_ok (apply ("wait=60s", 0));
    assert_int_equal (asked.wait_ms, 0);
}

static void
only_some_gpus_may_be_given (void **state)
{
    static struct gpus gpus;

    (void) state;
    for (unsigned i = 0; i < 3; i++) {
        gpus.table[i].state = i == 2 ? GPU_LOST : GPU_PRESENT;
        (void) snprintf (gpus.table[i].name, sizeof gpus.table[i].name, "g%u", i);
        (void) snprintf (gpus.table[i].driver, sizeof gpus.table[i].driver, "%s", i == 0 ? "i915" : "xe");
    }
    rules ("[]");
    assert_ok (apply ("", 0));
    assert_int_equal (policy_gpus (&mark, &gpus) & 7, 7);
    rules ("[{'allow': {'gpu': ['g0', 'g7']}}]");
    assert_ok (apply ("", 0));
    assert_int_equal (policy_gpus (&mark, &gpus), 1);
    rules ("[{'allow': {'gpu': 'driver:xe'}}]");
    assert_ok (apply ("", 0));
    assert_int_equal (policy_gpus (&mark, &gpus), 6);
}

static void
a_policy_that_changes_is_held_against_what_was_asked (void **state)
{
    static struct lease lease;
    static struct gpus gpus;
    char parameters[] = "{\"request\":{\"enable\":\"true\",\"class\":\"batch\"}}";

    (void) state;
    gpus.table[0].state = gpus.table[1].state = GPU_PRESENT;
    (void) strcpy (gpus.table[0].name, "igpu");
    (void) strcpy (gpus.table[1].name, "arc");
    rules ("[{'default': {'access': 'exclusive'}}]");
    lease.order = (struct order){
        .container = frigate, .request = request ("enable=true class=batch"), .parameters = parameters};
    lease.gpus = 1;
    assert_ok (policy_apply (&policy, 0, &frigate, &lease.order.request, &lease.order.policy, &err));
    assert_int_equal (lease.order.request.access, ACCESS_EXCLUSIVE);
    /* It did not ask for that, so it is no fault of its own.  */
    rules ("[{'allow': {'access': 'shared'}}]");
    assert_true (policy_still_allows (&policy, &gpus, &lease, &err));
    rules ("[{'allow': {'class': 'interactive'}}]");
    assert_false (policy_still_allows (&policy, &gpus, &lease, &err));
    assert_contains (err.message, "container frigate asks for dri.class=batch; rule 1");
    rules ("[{'allow': {'gpu': 'arc'}}]");
    assert_false (policy_still_allows (&policy, &gpus, &lease, &err));
    assert_contains (err.message, "container frigate has a GPU that rule 1 (everybody else) of");
    rules ("[{'allow': {'gpu': ['arc', 'igpu']}}]");
    assert_true (policy_still_allows (&policy, &gpus, &lease, &err));
    /* What is known of a lost GPU is not what the rule names: it is asked again when it is back.  */
    rules ("[{'allow': {'gpu': 'driver:i915'}}]");
    gpus.table[0].state = GPU_LOST;
    assert_true (policy_still_allows (&policy, &gpus, &lease, &err));
    gpus.table[0].state = GPU_PRESENT;
    assert_false (policy_still_allows (&policy, &gpus, &lease, &err));
    lease.gpus = 0;
    rules ("[{'who': {'container': 'frigate'}, 'allow': false}]");
    assert_false (policy_still_allows (&policy, &gpus, &lease, &err));
    rules ("[]");
    assert_true (policy_still_allows (&policy, &gpus, &lease, &err));
}

/* --- mistakes --- */

static void
mistakes_are_named_with_rule_and_key (void **state)
{
    (void) state;
    assert_mistake ("{}", "\"policy\" wants a list of at most 64 rules");
    assert_mistake ("[{}, 7]", "\"policy\", rule 2: wants an object");
    assert_mistake ("[{'alow': {}}]", "\"policy\", rule 1: unknown key \"alow\"; did you mean \"allow\"?");
    assert_mistake ("[{'who': {'projct': 'x'}}]",
                    "rule 1: unknown key \"projct\" in \"who\"; did you mean \"project\"?");
    assert_mistake ("[{'who': 'x'}]", "\"who\" wants an object");
    assert_mistake ("[{'who': {'image': 7}}]", "\"who\": \"image\" wants texts of 1 to 127 characters");
    assert_mistake ("[{'who': {'image': []}}]", "\"who\": \"image\" wants a text, or a list of 1 to 8");
    assert_mistake ("[{'who': {'image': ''}}]", "\"image\" wants texts");
    assert_mistake ("[{'who': {'user': 'me'}}]", "\"who\": \"user\" wants numbers (id -u NAME tells them)");
    assert_mistake ("[{'who': {'user': -1}}]", "\"user\" wants numbers");
    assert_mistake ("[{'allow': 'yes'}]", "\"allow\" is true, false or an object");
    assert_mistake ("[{'allow': {'acess': 'shared'}}]", "\"acess\" in \"allow\"; did you mean \"access\"?");
    assert_mistake ("[{'allow': {'access': 'exlusive'}}]",
                    "rule 1: \"allow\": dri.access: no value \"exlusive\"; did you mean \"exclusive\"?");
    assert_mistake ("[{'allow': {'access': [true]}}]", "dri.access wants a text");
    assert_mistake ("[{'allow': {'gpu': 'igpu,arc'}}]",
                    "dri.gpu: \"igpu,arc\" is several; write them as a list");
    assert_mistake ("[{'allow': {'owner': '1000:1000'}}]", "\"UID:GID\", in these letters, stands for all");
    assert_mistake ("[{'default': {'enable': 'true'}}]", "unknown key \"enable\" in \"default\"");
    assert_mistake ("[{'default': {'class': 'bach'}}]", "dri.class: no value \"bach\"; did you mean");
    assert_mistake ("[{'default': {'wait': '11s'}}]", "dri.wait is 10s at most for who does not ask for it");
    assert_mistake ("[{'max': {'class': 'batch'}}]", "unknown key \"class\" in \"max\"");
    assert_mistake ("[{'max': {'slots': 0}}]", "\"max\": dri.slots: no value \"0\"");
    assert_mistake ("[{'max': {'share': 60}}]", "\"max\": dri.share: wants a percentage");
    assert_mistake ("[{'max': 3}]", "\"max\" wants an object");
    assert_mistake ("[{'name': 3}]", "\"name\" wants a text");
    assert_mistake ("[{'allow': {'class': 'batch'}}]",
                    "rule 1: a container that does not say otherwise would be refused (put into \"default\" "
                    "what it gets): it: asks for dri.class=");
    assert_mistake ("[{'default': {'slots': 3}, 'max': {'slots': 2}}]", "would be refused");
    rules ("[{'allow': {'class': 'batch'}, 'default': {'class': 'batch'}}]");
}

/* --- the journal --- */

static void
what_a_rule_made_survives_a_restart (void **state)
{
    struct writer w = {.text = NULL};
    static struct order before, after;
    json_t *json;

    (void) state;
    rules ("[{'name': 'it', 'allow': {'gpu': ['igpu', 'driver:xe']}, 'default': {'class': 'batch'},"
           " 'max': {'share': '30%'}}]");
    before = (struct order){.container = frigate, .request = request ("share=50%")};
    assert_ok (policy_apply (&policy, 0, &frigate, &before.request, &before.policy, &err));
    policy_write (&w, &before);
    json = json_loadb (w.text, w.len, 0, NULL);
    free (w.text);
    after = (struct order){.container = frigate, .request = request ("share=50%")};
    policy_read (&after, json);
    json_decref (json);
    assert_memory_equal (&after.request, &before.request, sizeof after.request);
    assert_memory_equal (&after.policy, &before.policy, sizeof after.policy);
}

/* Of a GPU that is no word any more nothing is given in its place.  */
static void
a_damaged_list_of_gpus_allows_none (void **state)
{
    static struct order order;
    static struct gpus gpus;
    json_t *json = parse ("{'rule': 'rule 1 (x)', 'gpus': ['driver:', 7]}");

    (void) state;
    request_init (&order.request);
    gpus.table[0].state = GPU_PRESENT;
    (void) strcpy (gpus.table[0].name, "igpu");
    policy_read (&order, json);
    json_decref (json);
    assert_int_equal (policy_gpus (&order.policy, &gpus), 0);
}

/* --- any policy --- */

static const char *
one_of (struct rng *rng, const char *const *words, unsigned n)
{
    return words[rng_below (rng, n)];
}

#define any_of(rng, words) one_of (rng, words, countof (words))

/* False where the rules contradict themselves.  */
static bool
random_rules (struct rng *rng)
{
    static const char *const who[] = {"",
                                      "'who': {'project': 'home'},",
                                      "'who': {'container': 'f*'},",
                                      "'who': {'user': 1000},",
                                      "'who': {'image': ['x', '*/frigate']},",
                                      "'who': {'engine': 'podman'},"};
    static const char *const allow[] = {"",
                                        "'allow': false,",
                                        "'allow': {'access': ['shared', 'monitor']},",
                                        "'allow': {'class': ['batch', 'interactive'], 'owner': 'auto'},",
                                        "'allow': {'on-failure': ['fail', 'defer'], 'nodes': 'render'},",
                                        "'allow': {'access': 'exclusive', 'gpu': 'igpu'},"};
    static const char *const defaults[] = {"", "'default': {'class': 'batch', 'share': '90%'},",
                                           "'default': {'access': 'exclusive', 'wait': '3s'},",
                                           "'default': {'slots': 4, 'on-failure': 'defer'},"};
    static const char *const max[] = {"'max': {}", "'max': {'slots': 3}", "'max': {'share': '50%'}",
                                      "'max': {'wait': '2s', 'slots': 5}"};
    char text[2048] = "[";
    size_t len = 1;
    json_t *list;
    int r;

    for (unsigned n = 1 + (unsigned) rng_below (rng, 4); n > 0; n--)
        len += (size_t) snprintf (text + len, sizeof text - len, "{%s %s %s %s}%s", any_of (rng, who),
                                  any_of (rng, allow), any_of (rng, defaults), any_of (rng, max),
                                  n > 1 ? "," : "]");
    list = parse (text);
    r = policy_parse (&policy, list, &err);
    json_decref (list);
    return r == 0;
}

static const char *const asks[] = {
    "",
    "access=exclusive",
    "access=monitor class=batch",
    "class=realtime share=80%",
    "slots=4 wait=60s",
    "share=20% wait=1s owner=host",
    "nodes=render,card on-failure=start-without",
    "gpu=arc on-failure=defer slots=9",
};

static void
check_outcome (const struct policy_rule *rule, const struct request *before)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        /* What it wrote stays as it was, but for what may be lowered.  */
        if (before->source[key] == SOURCE_LABEL && key != KEY_SHARE && key != KEY_WAIT)
            assert_string_equal (asked.text[key], before->text[key]);
        if (rule && rule->allowed[key])
            assert_true (rule->allowed[key] & (1U << policy_value (&asked, (enum request_key) key)));
    }
    if (!rule)
        return;
    assert_false (rule->nothing);
    assert_true (!rule->max_slots || asked.slots <= rule->max_slots);
    assert_true (!rule->max_share || (asked.share > 0 && asked.share <= rule->max_share));
    assert_true (asked.wait_ms <= rule->max_wait_ms);
    assert_true (!before->share || asked.share <= before->share);
}

static void
whatever_the_rules_nobody_gets_more_than_they_say (void **state)
{
    struct rng rng = rng_start (__func__);
    unsigned outcomes[3] = {0};

    (void) state;
    for (unsigned round = 0; round < 5000; round++) {
        const char *text = any_of (&rng, asks);
        uid_t asker = rng_below (&rng, 2) ? 0 : 1000;
        struct request before = request (text), first;
        const struct policy_rule *rule = NULL;
        struct policy_mark again;
        int r;

        if (!random_rules (&rng))
            continue;
        r = apply (text, asker);
        for (unsigned i = 0; i < policy.n && r == 0; i++)
            if (strcmp (policy.rules[i].title, mark.rule) == 0)
                rule = &policy.rules[i];
        outcomes[r < 0 ? 0 : rule ? 1 : 2]++;
        if (r < 0) {
            assert_contains (err.message, "container frigate ");
            assert_contains (err.message, "rule ");
            assert_memory_equal (&asked, &before, sizeof asked);
            continue;
        }
        check_outcome (rule, &before);
        first = asked;
        assert_ok (policy_apply (&policy, asker, &frigate, &asked, &again, &err));
        assert_memory_equal (&asked, &first, sizeof asked);
    }
    /* The rounds have to be worth it.  */
    assert_true (outcomes[0] > 300 && outcomes[1] > 300 && outcomes[2] > 100);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_rule_means_whom_all_its_members_fit),
        cmocka_unit_test (stars_and_question_marks_stand_for_texts_and_characters),
        cmocka_unit_test (a_pattern_takes_no_time_to_speak_of),
        cmocka_unit_test (an_image_is_known_by_each_of_its_names),
        cmocka_unit_test (the_first_rule_that_fits_decides),
        cmocka_unit_test (a_role_tells_containers_apart_that_nothing_else_does),
        cmocka_unit_test (without_a_rule_nothing_changes),
        cmocka_unit_test (what_is_not_allowed_is_refused_with_what_is),
        cmocka_unit_test (who_says_nothing_gets_the_defaults_and_who_does_keeps_his_own),
        cmocka_unit_test (maxima_lower_share_and_wait_and_refuse_slots),
        cmocka_unit_test (only_some_gpus_may_be_given),
        cmocka_unit_test (a_policy_that_changes_is_held_against_what_was_asked),
        cmocka_unit_test (what_a_rule_made_survives_a_restart),
        cmocka_unit_test (a_damaged_list_of_gpus_allows_none),
        cmocka_unit_test (whatever_the_rules_nobody_gets_more_than_they_say),
        cmocka_unit_test (mistakes_are_named_with_rule_and_key),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}

# SPDX-License-Identifier: Apache-2.0
"""records: every record of the protocol: number, how many leading fields must be there, and the fields with their kinds.

What proto/messages.def says, in a form that is installed with the package; a test compares the two. Kinds: u 0..2^64-1,
i a signed integer, s text, b bytes, # an id (8 bytes, big-endian; nil is none).
"""

TABLE: dict[str, tuple[int, int, str]] = {
    "hello": (1, 4, "version_min:u version_max:u role:u peer_id:b last_number:u name:s host:s pid:u slots:u "
                    "incarnation:u tags:s knows:u"),
    "welcome": (2, 2, "version:u incarnation:u last_number:u value_bytes_max:u frame_bytes_max:u workers_port:u "
                      "updates_port:u durability:u name:s pid:u release:s knows:u"),
    "hello_wanted": (3, 0, ""),
    "error": (4, 2, "number:u code:u text:s retry_ms:u"),
    "goodbye": (5, 0, "why:s"),
    "ping": (6, 0, ""),
    "pong": (7, 0, ""),
    "done": (8, 1, "number:u"),
    "end": (9, 1, "number:u next:#"),
    "again": (10, 0, "value:b run_us:u"),
    "enrol": (11, 1, "public_key:s"),
    "enrolled": (12, 1, "name:s"),
    "submit": (16, 3, "number:u queue:s args:b priority:i flags:u delay_ms:u deadline_ms:u timeout_ms:u retries:u "
                      "key:s durability:u session:s tenant:s tags:s after:b schedule:s content_type:s "
                      "together:u"),
    "accepted": (17, 2, "number:u id:# count:u durability:u"),
    "ended": (18, 3, "number:u id:# state:u value:b worker:s run_us:u reason:u detail:u attempts:u"),
    "ack": (19, 2, "number:u count:u floor:u"),
    "wait": (20, 2, "number:u id:#"),
    "cancel": (21, 2, "number:u id:#"),
    "retry": (22, 2, "number:u id:#"),
    "get_job": (23, 2, "number:u id:#"),
    "list_jobs": (24, 1, "number:u state:u queue:s after:# limit:u"),
    "list_queues": (25, 1, "number:u"),
    "list_workers": (26, 1, "number:u"),
    "get_status": (27, 1, "number:u"),
    "hold": (28, 2, "number:u queue:s"),
    "release": (29, 2, "number:u queue:s"),
    "drain": (30, 2, "number:u worker:s"),
    "sync": (31, 1, "nonce:s"),
    "watch": (32, 2, "number:u topic:s incarnation:u after:u"),
    "explain": (33, 2, "number:u id:#"),
    "drop": (34, 2, "number:u id:#"),
    "tell": (35, 3, "number:u id:# iteration:u value:b"),
    "pause": (36, 2, "number:u id:#"),
    "resume": (37, 2, "number:u id:#"),
    "get_session": (38, 2, "number:u id:#"),
    "get_figures": (39, 1, "number:u"),
    "job": (40, 4, "number:u id:# queue:s state:u key:s reason:u detail:u attempts:u priority:i submitted_ms:u "
                   "ended_ms:u run_us:u worker:s retry_of:# value_bytes:u durability:u updates:u peak_kib:u "
                   "progress:b"),
    "queue": (41, 2, "number:u name:s ready:u running:u delayed:u held:u workers:u submitted:u ok:u failed:u "
                     "run_us:u oldest_ms:u dead:u cancelled:u expired:u feed:s"),
    "worker": (42, 2, "number:u id:s host:s pid:u state:u slots:u leased:u since_ms:u tags:s"),
    "slot": (43, 3, "number:u worker:s index:u pid:u state:u job:# queue:s"),
    "status": (44, 1, "number:u pid:u uptime_ms:u submitted:u executions:u lease_losses:u live:u kept:u workers:u "
                      "slots:u clients:u malformed:u incarnation:u release:s durability:u state:u awaited:u "
                      "memory_bytes:u args_bytes:u store_bytes:u commit_us:u busy:u denied:u"),
    "update": (45, 3, "number:u topic:s body:b"),
    "lost": (46, 4, "number:u topic:s first:u last:u"),
    "snapshot": (47, 4, "number:u topic:s incarnation:u seq:u body:b"),
    "attempt": (48, 3, "number:u id:# attempt:u worker:s reason:u detail:u run_us:u peak_kib:u ended_ms:u value:b "
                       "last_lines:s"),
    "explanation": (49, 3, "number:u id:# code:u text:s"),
    "session": (50, 4, "number:u id:# queue:s state:u job_state:u iteration:u view:b submitted_ms:u ended_ms:u "
                       "reason:u detail:u value:b"),
    "histogram": (51, 4, "number:u name:s sum_us:u buckets:b"),
    "counter": (52, 4, "number:u name:s label:s count:u"),
    "list_tasks": (53, 1, "number:u after:u limit:u"),
    "complete_task": (54, 2, "number:u task:u"),
    "task": (55, 4, "number:u task:u id:# title:s added_ms:u completed_ms:u"),
    "list_feeds": (56, 1, "number:u"),
    "feed": (57, 4, "number:u topic:s id:# queue:s updates:u running:u view:b"),
    "follow": (58, 2, "number:u topic:s incarnation:u after:u credit:u"),
    "unfollow": (59, 1, "number:u"),
    "follow_more": (60, 2, "number:u count:u"),
    "offer": (64, 1, "queue:s feed:s"),
    "holding": (65, 2, "id:# token:#"),
    "ready": (66, 0, ""),
    "lease": (67, 4, "id:# token:# offer:u args:b timeout_ms:u attempt:u together:u"),
    "started": (68, 2, "id:# token:#"),
    "result": (69, 4, "number:u id:# token:# reason:u value:b run_us:u detail:u peak_kib:u last_lines:s"),
    "result_ack": (70, 1, "number:u"),
    "recall": (71, 2, "id:# token:#"),
    "returned": (72, 2, "id:# token:#"),
    "stop": (73, 2, "id:# token:# reason:u"),
    "draining": (74, 0, ""),
    "beat": (75, 0, "time_ms:u"),
    "slot_state": (76, 3, "index:u pid:u state:u job:#"),
    "verdict": (77, 1, "kind:u state:b view:b delay_ms:u lines:s children:b value:b"),
    "child": (78, 2, "queue:s args:b"),
    "progress": (79, 3, "id:# token:# value:b"),
    "run": (80, 3, "number:u method:u args:b id:# attempt:u timeout_ms:u"),
    "flag": (81, 1, "number:u"),
    "answer": (82, 3, "number:u status:u value:b"),
    "note": (83, 2, "number:u value:b"),
    "origin": (96, 2, "client:b id:# submitted_ms:u due_ms:u deadline_ms:u attempts:u token:# leased:u stop:u "
                      "retry_of:# body_hash:u parent:# place:u principal:s"),
    "client_row": (97, 1, "last_number:u principal:s"),
    "key_row": (98, 2, "id:# body_hash:u expires_ms:u"),
    "mark_row": (99, 1, "id:#"),
    "worker_row": (100, 1, "name:s principal:s"),
    "queue_row": (101, 1, "held:u"),
    "chain_row": (102, 2, "iteration:u step:u paused:u begun:u state:b input:b view:b children:# children_count:u "
                          "removed:u delay_ms:u"),
    "task_row": (103, 2, "id:# title:s added_ms:u completed_ms:u"),
    "ended_row": (104, 1, "ended_ms:u updates:u peak_kib:u"),
    "joined_row": (105, 2, "number:u id:#"),
}

"""Every action that has a key is pressed, by that key, in a test of what it does."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from studio.tui.actions import ACTIONS, BY_ID

HERE = Path(__file__).parent
PRESSED: dict[str, dict[str, str]] = {
    "test_everywhere.py": {
        "app.home": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.examples": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.prompt": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.generate": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.review": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.rounds": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.train": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.search": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.jobs": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "app.help": "test_help_tells_the_keys_of_the_pane",
        "app.copy": "test_what_would_be_copied_can_be_written_to_a_file",
        "app.copy-to-file": "test_what_would_be_copied_can_be_written_to_a_file",
        "app.suspend": "test_without_a_shell_to_go_back_to_suspending_says_so",
        "list.down": "test_a_list_is_walked_with_the_keys_of_vim",
        "list.up": "test_a_list_is_walked_with_the_keys_of_vim",
        "list.first": "test_a_list_is_walked_with_the_keys_of_vim",
        "list.last": "test_a_list_is_walked_with_the_keys_of_vim",
        "list.page-down": "test_a_list_is_walked_with_the_keys_of_vim",
        "list.left": "test_from_a_list_to_the_text_on_its_left",
        "list.right": "test_from_a_list_to_the_text_on_its_right",
        "field.leave": "test_a_digit_goes_to_its_pane_and_another_leads_back",
        "list.page-up": "test_a_list_is_walked_with_the_keys_of_vim",
    },
    "test_examples_files.py": {
        "examples.import": "test_an_import_brings_tags_and_switches_and_can_be_undone",
        "examples.export": "test_an_export_comes_back_as_it_was",
    },
    "test_examples_pane.py": {
        "examples.edit": "test_moving_to_another_example_writes_the_first",
        "examples.new": "test_n_makes_an_example_for_the_document_in_hand",
        "examples.search": "test_a_chinese_word_of_two_characters_finds_its_document",
        "examples.on-off": "test_space_switches_off_and_u_switches_on_again",
        "examples.delete": "test_delete_can_be_undone",
        "examples.undo": "test_undo_takes_back_everything_in_turn_also_after_a_restart",
        "examples.redo": "test_duplicate_stands_below_and_can_be_undone",
        "examples.tags": "test_esc_leaves_the_tags_as_they_were",
        "examples.duplicate": "test_duplicate_stands_below_and_can_be_undone",
        "examples.filter": "test_the_filter_finds_words_tags_and_chinese",
        "examples.edit-document": "test_the_document_of_an_example_can_be_edited",
        "examples.move-down": "test_moving_changes_the_order_and_can_be_undone",
        "examples.move-up": "test_moving_changes_the_order_and_can_be_undone",
        "examples.records": "test_enter_on_a_record_opens_it_in_review",
        "examples.back": "test_the_filter_finds_words_tags_and_chinese",
    },
    "test_examples_two_studios.py": {
        "examples.compare": "test_d_without_a_draft_says_that_all_is_saved",
    },
    "test_export.py": {
        "app.export": "test_all_kept_records_are_exported_from_any_pane",
        "train.copy-to": "test_a_model_is_copied_whole_and_never_over_anything",
    },
    "test_generate_pane.py": {
        "list.choose": "test_the_endpoint_is_chosen_from_a_list",
        "generate.start": "test_one_key_starts_the_run_with_the_typed_params",
        "generate.endpoint": "test_the_endpoint_is_chosen_from_a_list",
        "generate.test": "test_the_endpoint_is_tested_with_one_key",
        "generate.pause": "test_a_run_is_started_paused_changed_and_cancelled_by_keys",
        "generate.faster": "test_a_run_is_started_paused_changed_and_cancelled_by_keys",
        "generate.slower": "test_a_run_is_started_paused_changed_and_cancelled_by_keys",
        "generate.cancel": "test_a_run_is_started_paused_changed_and_cancelled_by_keys",
        "generate.resume": "test_a_run_is_started_paused_changed_and_cancelled_by_keys",
        "generate.drops": "test_dropped_answers_are_shown_by_reason",
        "generate.filter": "test_the_last_run_stays_with_its_result_and_what_comes_next",
        "generate.plan": "test_a_run_that_begins_elsewhere_comes_to_the_front",
        "generate.watch": "test_the_last_run_stays_with_its_result_and_what_comes_next",
    },
    "test_home.py": {
        "home.open": "test_a_folder_that_is_no_project_is_told",
        "home.forget": "test_forget_takes_a_project_off_the_list_and_leaves_its_files",
    },
    "test_wizard.py": {
        "home.new": "test_escape_leaves_the_wizard",
    },
    "test_jobs_pane.py": {
        "app.path": "test_the_path_starts_from_anywhere_with_a_small_dialog",
        "app.palette": "test_a_step_starts_from_the_palette",
        "jobs.start": "test_a_step_starts_alone_as_it_stands",
        "jobs.cancel": "test_cancel_asks_the_worker_to_stop",
        "jobs.resume": "test_one_key_resumes_an_interrupted_job",
        "jobs.pause": "test_a_run_is_paused_and_goes_on_by_one_key",
        "jobs.filter": "test_jobs_are_filtered_by_kind_and_state",
        "jobs.log": "test_the_log_is_shown_and_follows",
        "jobs.delete": "test_a_running_jobs_files_stay",
    },
    "test_jump.py": {
        "app.jump": "test_a_letter_goes_to_its_part",
    },
    "test_messages.py": {
        "app.messages": "test_f5_lists_what_was_told_with_errors_marked",
    },
    "test_movement.py": {
        "text.down": "test_a_text_is_read_with_the_keys_of_vim",
        "text.up": "test_a_text_is_read_with_the_keys_of_vim",
        "text.first": "test_a_text_is_read_with_the_keys_of_vim",
        "text.last": "test_a_text_is_read_with_the_keys_of_vim",
        "text.half-down": "test_a_text_is_read_with_the_keys_of_vim",
        "text.half-up": "test_a_text_is_read_with_the_keys_of_vim",
        "text.left": "test_h_and_l_go_between_what_stands_side_by_side",
        "text.right": "test_h_and_l_go_between_what_stands_side_by_side",
    },
    "test_own_programs.py": {
        "app.pager": "test_f3_reads_list_field_and_text",
        "app.editor": "test_f4_edits_the_field_and_the_edit_is_stored",
    },
    "test_prompt_improving.py": {
        "prompt.improve": "test_a_key_plans_it_and_jobs_tells_the_gain",
    },
    "test_prompt_tasks.py": {"prompt.stage": "test_without_reasons_the_seed_says_so"},
    "test_prompt_pane.py": {
        "prompt.edit": "test_a_draft_is_kept_and_becomes_the_next_version",
        "prompt.save": "test_a_draft_is_kept_and_becomes_the_next_version",
        "prompt.versions": "test_an_old_version_can_be_taken_back",
        "prompt.live": "test_live_can_be_switched_off",
        "prompt.again": "test_r_draws_again_and_the_score_grows",
        "prompt.documents": "test_n_goes_to_the_next_documents",
        "prompt.template": "test_a_bundled_template_can_be_started_from",
        "prompt.search": "test_a_document_can_be_picked_by_its_words",
        "prompt.next-document": "test_the_rendered_prompt_of_each_document_can_be_read",
        "prompt.previous-document": "test_h_goes_back_to_the_column_before",
        "prompt.view": "test_on_a_small_screen_z_shows_the_rendered_prompt",
        "prompt.endpoint": "test_another_endpoint_can_be_chosen",
    },
    "test_prompt_score.py": {
        "prompt.compare": "test_keys_answer_while_six_columns_stream",
        "prompt.more": "test_m_asks_about_further_documents_behind_the_scenes",
    },
    "test_divider.py": {
        "app.line-back": "test_review_s_line_moves_and_is_there_again_after_a_restart",
        "app.line-on": "test_review_s_line_moves_and_is_there_again_after_a_restart",
    },
    "test_recalled_field.py": {
        "recall.earlier": "test_up_and_down_walk_through_earlier_words_also_after_a_restart",
        "recall.later": "test_up_and_down_walk_through_earlier_words_also_after_a_restart",
    },
    "test_review_categories.py": {
        "generate.judge": "test_i_plans_a_judge",
        "review.judge": "test_i_plans_a_judge",
        "review.categories": "test_b_counts_what_is_asked_for_and_enter_shows_those",
    },
    "test_review_pane.py": {
        "review.accept": "test_one_key_accepts_and_goes_on",
        "review.reject": "test_history_and_agreement_stand_beside_the_record",
        "review.edit": "test_editing_in_place_is_one_edit_and_one_undo",
        "review.note": "test_a_note_is_written_with_one_key_shown_found_and_undone",
        "review.flag": "test_flag_and_flag_again",
        "review.undo": "test_undo_goes_back_to_the_record",
        "review.redo": "test_undo_and_redo_of_everything_and_after_a_restart",
        "review.clear": "test_clear_takes_the_word_back",
        "review.next-undecided": "test_n_goes_to_undecided_ones_without_deciding",
        "review.previous-undecided": "test_n_goes_to_undecided_ones_without_deciding",
        "review.find": "test_search_finds_chinese_words_as_one_types",
        "review.filter": "test_the_filter_dialog_narrows_by_verdict_and_score",
        "review.sort": "test_sorting_keeps_the_record",
        "review.threshold": "test_a_threshold_moves_with_a_live_histogram",
        "review.show-all": "test_a_search_without_hits_says_which_key_shows_all",
        "review.mark": "test_marked_records_are_decided_after_a_preview",
        "review.range": "test_a_range_is_decided_with_one_key",
        "review.unselect": "test_esc_leaves_a_range_as_it_was",
        "review.accept-all": "test_marked_records_are_decided_after_a_preview",
        "review.reject-all": "test_bulk_takes_all_that_is_shown_and_esc_leaves_it",
        "review.flag-all": "test_bulk_takes_all_that_is_shown_and_esc_leaves_it",
        "review.side": "test_history_and_agreement_stand_beside_the_record",
        "review.side-back": "test_the_side_shows_the_whole_provenance",
        "review.side-down": "test_the_side_scrolls_from_the_table_and_takes_the_keys",
        "review.side-up": "test_the_side_scrolls_from_the_table_and_takes_the_keys",
        "review.read-again": "test_views_can_be_changed_while_rows_are_being_read",
    },
    "test_rounds_pane.py": {
        "app.quit": "test_quitting_writes_the_edit",
        "rounds.start": "test_a_whole_run_from_one_key_to_the_next_round",
        "rounds.approve-all": "test_all_are_approved_and_the_run_goes_on",
        "rounds.approve": "test_a_approves_r_rejects_and_both_go_on",
        "rounds.reject": "test_a_approves_r_rejects_and_both_go_on",
        "rounds.edit": "test_quitting_writes_the_edit",
        "rounds.note": "test_a_note_on_an_extrapolation_is_shown_and_undone",
        "rounds.ask-again": "test_one_more_is_written_live_and_stored_once",
        "rounds.undo": "test_undo_finds_its_way_back_after_a_restart",
        "rounds.redo": "test_a_dropped_one_can_be_let_in_and_undone",
        "rounds.word-diff": "test_words_that_differ_carry_signs",
        "rounds.figures": "test_the_figures_have_the_rounds_the_curve_and_the_distances",
        "rounds.how-near": "test_how_near_is_measured_by_a_job_of_its_own",
        "rounds.previous-round": "test_brackets_walk_the_rounds",
        "rounds.next-round": "test_brackets_walk_the_rounds",
        "rounds.choose": "test_o_lists_what_a_line_can_be",
        "rounds.cancel": "test_one_key_stops_a_run_and_goes_on",
    },
    "test_search_pane.py": {
        "search.query": "test_an_empty_query_says_what_to_do",
        "search.right": "test_s_changes_where_marks_go_and_takes_the_query_along",
        "search.wrong": "test_the_first_mark_asks_for_the_split_and_later_ones_do_not",
        "search.undo": "test_undo_takes_marks_back_one_by_one_and_the_query_with_the_last",
        "search.browse": "test_without_gold_the_list_says_how_to_get_some",
        "search.model": "test_what_is_not_trained_yet_says_so_among_the_systems",
        "search.split": "test_s_changes_where_marks_go_and_takes_the_query_along",
        "search.unmark": "test_x_takes_a_mark_off",
        "search.next-column": "test_tab_leads_from_the_query_to_the_results",
        "search.previous-column": "test_when_narrow_one_column_shows_and_its_name_always",
        "search.next-gold": "test_without_gold_the_list_says_how_to_get_some",
        "search.previous-gold": "test_n_walks_through_the_gold_that_was_listed",
        "search.more": "test_plus_and_minus_change_how_many",
        "search.fewer": "test_plus_and_minus_change_how_many",
        "search.embed": "test_an_embedding_at_an_endpoint_begins_with_a_key",
        "search.restart": "test_a_killed_process_is_started_again_once_and_then_on_a_key",
    },
    "test_prompt_draft.py": {
        "prompt.decide": "test_d_without_a_second_draft_says_that_all_is_saved",
    },
    "test_template_editor.py": {
        "prompt.next-remark": "test_a_bracket_goes_from_remark_to_remark_and_f8_while_writing",
    },
    "test_themes.py": {
        "app.theme": "test_f2_walks_through_the_themes_and_the_choice_is_remembered",
    },
    "test_train_form.py": {
        "train.new": "test_what_was_typed_is_kept_as_a_draft_until_it_is_started",
        "train.alike": "test_s_begins_with_the_settings_of_the_model_under_the_cursor",
        "train.rerank": "test_a_reranker_is_trained_over_the_retriever_that_is_chosen",
    },
    "test_train_pane.py": {
        "train.won-lost": "test_won_and_lost_queries_are_sorted_and_open_in_search",
        "train.compare": "test_a_model_without_scores_cannot_be_compared_and_says_so",
        "train.lineage": "test_the_lineage_tells_data_prompts_filters_and_parents",
        "train.evaluate": "test_e_scores_the_model_on_the_gold_there_is",
        "train.view": "test_v_switches_curves_and_scores_on_a_narrow_screen",
        "train.against": "test_b_lists_the_queries_won_against_bm25",
        "train.cancel": "test_x_asks_a_running_training_to_stop",
        "train.resume": "test_cancel_and_resume_on_a_model_say_what_to_choose",
        "train.rename": "test_m_renames_a_model_and_its_folder_stays",
        "train.note": "test_t_writes_a_note_that_stays",
    },
}
"""File → action → the test in it that presses one of its keys and looks at what comes of it."""


@cache
def _tests_of(file: str) -> dict[str, frozenset[str]]:
    """Test → the texts in its source, those that are unpacked letter by letter."""
    tree = ast.parse((HERE / file).read_text("utf-8"))
    return {
        node.name: frozenset(_texts(node))
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _texts(node: ast.AST) -> set[str]:
    found = {one.value for one in ast.walk(node) if _is_text(one)}
    for starred in (one for one in ast.walk(node) if isinstance(one, ast.Starred)):
        found |= {letter for one in ast.walk(starred) if _is_text(one) for letter in one.value}
    return found


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize("file", PRESSED)
def test_the_tests_that_are_named_press_the_keys(file: str) -> None:
    for action, test in PRESSED[file].items():
        pressed = _tests_of(file).get(test)
        assert pressed is not None, f"{file} has no {test}: name another that presses {action}"
        assert pressed & {*BY_ID[action].keys}, f"{test} presses no key of {action}"


def test_no_action_is_left_out() -> None:
    named = [action for actions in PRESSED.values() for action in actions]
    missing = {action.id for action in ACTIONS if action.keys} - {*named}
    assert not missing, f"press {missing} in a test, and name it in the table"
    assert len(named) == len({*named})

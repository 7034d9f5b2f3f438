// SPDX-License-Identifier: MIT
/* toml.cc - a TOML document as a list of its keys, with line numbers
 *
 * Everything C++ ends here: exceptions are caught, values become jansson's. The parser limits
 * how deep a document nests.
 */
#include "manage/toml.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/* The parser asserts things that a file can break (3.3.0: a document that is "[."). Such a file
 * is an error, not an abort. */
#define TOML_ASSERT(expr) ((expr) ? void() : throw std::runtime_error("this is no TOML"))
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wterminate"	/* where the parser may not throw it ends the program, as assert() did */
#endif
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace {

struct found {
	unsigned int line;
	std::string key;
	const toml::node *value;
};

template <typename T> json_t *as_text(const T &value)
{
	std::ostringstream out;

	out << value;
	return json_string(out.str().c_str());
}

json_t *to_json(const toml::node &node);

json_t *array_to_json(const toml::array &array)
{
	json_t *out = json_array();

	for (const auto &item : array)
		json_array_append_new(out, to_json(item));
	return out;
}

json_t *table_to_json(const toml::table &table)
{
	json_t *out = json_object();

	for (const auto &[key, value] : table)
		json_object_set_new(out, std::string(key.str()).c_str(), to_json(value));
	return out;
}

json_t *to_json(const toml::node &node)
{
	if (const auto *table = node.as_table())
		return table_to_json(*table);
	if (const auto *array = node.as_array())
		return array_to_json(*array);
	if (const auto *text = node.as_string())
		return json_stringn(text->get().data(), text->get().size());
	if (const auto *number = node.as_integer())
		return json_integer(number->get());
	if (const auto *number = node.as_floating_point())
		return std::isfinite(number->get()) ? json_real(number->get()) : as_text(*number);
	if (const auto *truth = node.as_boolean())
		return json_boolean(truth->get());
	if (const auto *date = node.as_date())
		return as_text(*date);
	if (const auto *time = node.as_time())
		return as_text(*time);
	if (const auto *moment = node.as_date_time())
		return as_text(*moment);
	return json_null();
}

/* [[name]], as against name = [{...}]. */
bool is_list_of_sections(const toml::array &list)
{
	return list.is_array_of_tables() && !list.front().as_table()->is_inline();
}

json_t *lines_of(const toml::table &table)
{
	json_t *out = json_object();

	for (const auto &[key, value] : table)
		json_object_set_new(out, std::string(key.str()).c_str(), json_integer(key.source().begin.line));
	return out;
}

void unfold(const toml::table &table, const std::string &prefix, std::vector<found> &out)
{
	for (const auto &[key, value] : table) {
		std::string name = prefix + std::string(key.str());
		const auto *inner = value.as_table();
		const auto *list = value.as_array();

		if (inner && !inner->empty())
			unfold(*inner, name + ".", out);
		else if (list && is_list_of_sections(*list))
			for (const auto &item : *list)
				out.push_back({ item.source().begin.line, name, &item });
		else
			out.push_back({ key.source().begin.line, name, &value });
	}
}

json_t *list_keys(const toml::table &document)
{
	std::vector<found> keys;
	json_t *out = json_array();

	unfold(document, "", keys);
	std::stable_sort(keys.begin(), keys.end(),
			 [](const found &a, const found &b) { return a.line < b.line; });
	for (const auto &k : keys) {
		json_t *one = json_object();

		json_object_set_new(one, "key", json_stringn(k.key.data(), k.key.size()));
		json_object_set_new(one, "line", json_integer(k.line));
		json_object_set_new(one, "value", to_json(*k.value));
		if (const auto *table = k.value->as_table())
			json_object_set_new(one, "lines", lines_of(*table));
		json_array_append_new(out, one);
	}
	return out;
}

void set_error(struct toml_error *error, unsigned int line, std::string_view text)
{
	error->line = line;
	snprintf(error->text, sizeof(error->text), "%.*s", (int)text.size(), text.data());
}

} // namespace

json_t *toml_parse(const char *text, size_t len, struct toml_error *error)
{
	set_error(error, 0, "");
	try {
		json_t *keys = list_keys(toml::parse(std::string_view(text, len)));

		if (!keys)
			set_error(error, 0, "no memory");
		return keys;
	} catch (const toml::parse_error &e) {
		set_error(error, e.source().begin.line, e.description());
	} catch (const std::exception &e) {
		set_error(error, 0, e.what());
	}
	return nullptr;
}
